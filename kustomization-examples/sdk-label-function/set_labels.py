#!/usr/bin/env python3
"""Give every resource the labels that the functionConfig asks for."""

import sys

from krm_functions.errors import ResourceError, UsageError
from krm_functions.function_config import read_function_config
from krm_functions.main import Output, run
from krm_functions.result import Field, Result
from krm_functions.yaml.field_path import format_path


def set_labels(resources):
    """Set the labels, and say which."""
    wanted = read_function_config(resources.function_config)
    if wanted is None:
        raise UsageError("no labels are given", hint="write them as key: value into the data of a ConfigMap")
    results = []
    for item in resources.items:
        if not item.is_local_config:
            missing = {key: value for key, value in sorted(wanted.body.items()) if item.labels.get(key) != value}
            before = item.labels
            if missing:
                with item.edit() as data:
                    data["metadata"] = data.get("metadata") or {}
                    labels = data["metadata"].get("labels") or {}
                    if not isinstance(labels, dict):
                        raise ResourceError("is a list and has no fields", where=f"{item.ref} metadata.labels")
                    data["metadata"]["labels"] = {**labels, **missing}
            for key, value in missing.items():
                field = Field(format_path(("metadata", "labels", key)), before.get(key), value)
                results.append(Result(f"label {key} set to {value}", "info", item.ref, field, item.file))
    return Output(results=results)


if __name__ == "__main__":
    sys.exit(run(set_labels))
