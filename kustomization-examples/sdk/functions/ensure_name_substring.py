#!/usr/bin/env python3
"""Make sure that the name of every resource contains a text: those that do not get it in front or behind."""

import sys

from pydantic import BaseModel, model_validator

from krm_functions import ResourceList, run

FIXED = ("Namespace", "CustomResourceDefinition", "APIService")
"""Names that say more than what a resource is called."""


class Config(BaseModel):
    """One of the two."""

    prepend: str = ""
    append: str = ""

    @model_validator(mode="after")
    def _one_of_them(self) -> "Config":
        if bool(self.prepend) == bool(self.append):
            raise ValueError("give either prepend or append")
        return self


def ensure_name_substring(resources: ResourceList, config: Config) -> None:
    """Add a prefix or a suffix to names that lack it."""
    for item in resources.where(local_config=False):
        old = item.name
        if item.kind not in FIXED and (config.prepend or config.append) not in old:
            item.name = f"{config.prepend}{old}{config.append}"
            resources.results.info(f"renamed from {old}", item, "metadata.name", current=old, proposed=item.name)


if __name__ == "__main__":
    sys.exit(run(ensure_name_substring, config=Config))
