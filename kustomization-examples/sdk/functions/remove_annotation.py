#!/usr/bin/env python3
"""Remove annotations from every resource and from the pods that it makes."""

import sys

from pydantic import BaseModel, Field

from krm_functions import ResourceList, run


class Config(BaseModel):
    """What is removed."""

    keys: list[str] = Field(description="the annotations, such as [example.com/owner]")


def remove_annotation(resources: ResourceList, config: Config) -> None:
    """Remove annotations, each with its comment."""
    for item in resources.items:
        for key in config.keys:
            item.annotations.pop(key, None)
            item.remove(f'spec.template.metadata.annotations["{key}"]', prune=True)


if __name__ == "__main__":
    sys.exit(run(remove_annotation, config=Config))
