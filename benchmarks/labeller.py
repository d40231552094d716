"""A function on the SDK: one label for every resource, as `benchmarks/go/sdk label` has it on kpt's SDK for Go."""

from __future__ import annotations

import sys

from krm_functions import ResourceList, run


def label(resources: ResourceList) -> None:
    """Give every resource the label team=five."""
    for item in resources.items:
        item.labels["team"] = "five"


if __name__ == "__main__":
    sys.exit(run(label, argv=()))
