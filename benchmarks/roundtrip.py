"""Reading and writing YAML with ruamel.yaml, which keeps comments: what one would do without imagesetter.

``python benchmarks/roundtrip.py FILE...`` sets nothing; that already takes longer than everything else.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path


def main() -> None:
    """Read each file that has a marker in it, and write it."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1 << 20
    for name in sys.argv[1:]:
        path = Path(name)
        for file in sorted(path.rglob("*.yaml")) if path.is_dir() else [path]:
            data = file.read_bytes()
            if b"$imagepolicy" in data:
                out = io.BytesIO()
                yaml.dump_all(yaml.load_all(data), out)


if __name__ == "__main__":
    main()
