#!/usr/bin/env python3
"""Give the pods of every workload a proxy beside their containers; run again, it changes nothing."""

import sys

from pydantic import BaseModel

from krm_functions import ResourceList, run


class Sidecar(BaseModel):
    """The container."""

    name: str = "proxy"
    image: str
    port: int = 15001
    selector: str = ""


def inject_sidecar(resources: ResourceList, config: Sidecar) -> None:
    """Add a container, or bring it up to date."""
    container = {
        "name": config.name,
        "image": config.image,
        "ports": [{"name": "proxy", "containerPort": config.port}],
    }
    for item in resources.where(labels=config.selector):
        if item.get("spec.template.spec.containers"):
            added = item.upsert("spec.template.spec.containers", container, key="name")
            item.set_line_comment(f"spec.template.spec.containers[name={config.name}].image", "by inject-sidecar")
            if added:
                resources.results.info(f"container {config.name} added", item, "spec.template.spec.containers")


if __name__ == "__main__":
    sys.exit(run(inject_sidecar, config=Sidecar))
