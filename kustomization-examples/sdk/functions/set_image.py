#!/usr/bin/env python3
"""Set the name, tag or digest of an image wherever containers use it."""

import re
import sys

from pydantic import BaseModel, Field

from krm_functions import ResourceList, run

IMAGE = re.compile(r"(?P<name>.+?)(?::(?P<tag>[^/@:]+))?(?:@(?P<digest>.+))?")
PODS = ("spec", "spec.template.spec", "spec.jobTemplate.spec.template.spec")
PATHS = [f"{pod}.{containers}[*].image" for pod in PODS for containers in ("containers", "initContainers")]


class Config(BaseModel):
    """Which image, and what becomes of it."""

    name: str = Field(description="the image without tag and digest")
    new_name: str = Field("", alias="newName")
    new_tag: str = Field("", alias="newTag")
    digest: str = ""


def set_image(resources: ResourceList, config: Config) -> None:
    """Set images; a new tag takes an old digest away."""
    for item in resources.items:
        for place in [place for path in PATHS for place in item.find(path)]:
            found = IMAGE.fullmatch(str(item.get(place)))
            if found and found["name"] == config.name:
                tag = config.new_tag or ("" if config.digest else found["tag"])
                digest = config.digest or ("" if config.new_tag else found["digest"])
                name = config.new_name or config.name
                item.set(place, name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else ""))


if __name__ == "__main__":
    sys.exit(run(set_image, config=Config))
