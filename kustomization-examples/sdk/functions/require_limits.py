#!/usr/bin/env python3
"""Refuse containers without a memory limit: a validator, which reports and changes nothing."""

import sys

from pydantic import BaseModel

from krm_functions import ResourceList, run

PODS = ("spec", "spec.template.spec", "spec.jobTemplate.spec.template.spec")


class Config(BaseModel):
    """An annotation that exempts a resource."""

    exempt: str = "example.com/unlimited"


def require_limits(resources: ResourceList, config: Config) -> None:
    """Report every container that has no resources.limits.memory."""
    for item in resources.items:
        if item.annotations.get(config.exempt) == "true":
            continue
        for pod in PODS:
            for number, container in enumerate(item.get(f"{pod}.containers") or []):
                path = f"{pod}.containers[{number}].resources.limits.memory"
                if item.get(path) is None:
                    resources.results.error(f"container {container.get('name')} has no memory limit", item, path)


if __name__ == "__main__":
    sys.exit(run(require_limits, config=Config))
