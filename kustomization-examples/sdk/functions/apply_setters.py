#!/usr/bin/env python3
"""Write the values of setters where a comment `# kpt-set: ${name}` asks for them."""

import re
import sys

from pydantic import RootModel

from krm_functions import ResourceList, run

MARKER = re.compile(r"kpt-set: *(.+)")
NAME = re.compile(r"\$\{([^{}]+)\}")


class Setters(RootModel[dict[str, str]]):
    """any KEY=VALUE is a setter"""


def apply_setters(resources: ResourceList, config: Setters) -> None:
    """Fill the pattern of every marker; a setter that is not given keeps the value that it has."""
    for item in resources.items:
        for path in item.paths():
            marker = MARKER.fullmatch(item.line_comment(path).strip())
            names = NAME.findall(marker[1]) if marker else []
            if marker is None or not set(names) & config.root.keys():
                continue
            old, (first, *texts) = item.get(path), map(re.escape, NAME.split(marker[1])[::2])
            known = re.fullmatch(first + "".join(f"(.*){text}" for text in texts), str(old))
            values = {**(dict(zip(names, known.groups(), strict=True)) if known else {}), **config.root}
            if missing := sorted(set(names) - values.keys()):
                resources.results.error(f"no value for {', '.join(missing)}", item, path)
                continue
            new = marker[1]
            for name in names:
                new = new.replace(f"${{{name}}}", values[name])
            item.set(path, int(new) if isinstance(old, int) and new.isdecimal() else new)


if __name__ == "__main__":
    sys.exit(run(apply_setters, config=Setters))
