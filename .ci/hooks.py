"""The file of the pre-commit hooks with the pins of a requirements file: `python .ci/hooks.py FILE <OLD >NEW`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pins import pins

if __name__ == "__main__":
    listed = "".join(f'    - "{pin}"\n' for pin in pins(Path(sys.argv[1]).read_text(encoding="utf-8")))
    block = re.compile(r"(?<=  additional_dependencies: &pinned\n)(?:    - .*\n)*")
    hooks, count = block.subn(listed, sys.stdin.read())
    if count != 1:
        sys.exit("hooks: `additional_dependencies: &pinned` must stand in the file exactly once")
    sys.stdout.write(hooks)
