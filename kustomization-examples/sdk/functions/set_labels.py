#!/usr/bin/env python3
"""Give every resource labels: its own, those that its selector asks for, and those of the pods that it makes."""

import sys

from pydantic import RootModel

from krm_functions import ResourceList, run

FLAT = ("Service", "ReplicationController")
"""Kinds whose selector is a mapping of labels."""
TEMPLATES = ("spec.template", "spec.jobTemplate", "spec.jobTemplate.spec.template")


class Labels(RootModel[dict[str, str]]):
    """any KEY=VALUE is a label"""


def set_labels(resources: ResourceList, config: Labels) -> None:
    """Set labels on resources, selectors and pod templates."""
    labels = dict(sorted(config.root.items()))  # kpt gives a configMap in another order each time
    for item in resources.where(local_config=False):
        selector = "spec.selector" if item.kind in FLAT else "spec.selector.matchLabels"
        paths = [path for path in (selector, "spec.podSelector.matchLabels") if item.get(path)]
        paths += [f"{path}.metadata.labels" for path in TEMPLATES if item.get(path)]
        with item.edit():  # one edit for all of them
            item.labels.update(labels)
            for path in paths:
                item.set(path, {**(item.get(path) or {}), **labels})


if __name__ == "__main__":
    sys.exit(run(set_labels, config=Labels))
