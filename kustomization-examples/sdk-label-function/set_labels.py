#!/usr/bin/env python3
"""Give every resource the labels that the functionConfig asks for."""

import sys

from krm_functions.errors import UsageError
from krm_functions.function_config import read_function_config
from krm_functions.main import Output, run
from krm_functions.result import Field, Result
from krm_functions.set_fields import set_fields
from krm_functions.yaml.field_path import format_path


def set_labels(resources):
    """The edits and results for one ResourceList."""
    wanted = read_function_config(resources.function_config)
    if wanted is None:
        raise UsageError("no labels are given", hint="write them as key: value into the data of a ConfigMap")
    edits, results = [], []
    for item in resources.items:
        if not item.is_local_config:
            missing = {key: value for key, value in sorted(wanted.body.items()) if item.labels.get(key) != value}
            edits += set_fields(item, {("metadata", "labels", key): value for key, value in missing.items()})
            for key, value in missing.items():
                field = Field(format_path(("metadata", "labels", key)), item.labels.get(key), value)
                results.append(Result(f"label {key} set to {value}", "info", item.ref, field, item.file))
    return Output(edits, results)


if __name__ == "__main__":
    sys.exit(run(set_labels))
