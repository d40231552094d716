"""What cannot be beaten from Python: ``python limits.py parse|search|lists FILE`` does one step and nothing else."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress


def parse(path: str) -> None:
    """libyaml's events of a file, taken one by one, as every reader of YAML in Python must."""
    import yaml

    with open(path, "rb") as file:
        for _ in yaml.parse(file.read(), Loader=yaml.CLoader):
            pass


def search(path: str) -> None:
    """Read every file of a tree, and look for a marker in it."""
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(OSError), open(os.path.join(folder, name), "rb") as file:  # such as a link to nothing
                _ = b"$imagepolicy" in file.read()


def lists(path: str) -> None:
    """Read lists of tags, a line of JSON each."""
    with open(path, "rb") as file:
        for line in file:
            json.loads(line)


if __name__ == "__main__":
    {"parse": parse, "search": search, "lists": lists}[sys.argv[1]](sys.argv[2])
