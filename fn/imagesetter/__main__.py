"""Where the command starts: the KRM function by the shortest way, everything else through the command line."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run imagesetter with ``sys.argv`` and leave with its exit status.

    kpt and kustomize run the command without arguments and with a ResourceList on standard input; that path imports
    no command-line library.
    """
    arguments = sys.argv[1:]
    piped = sys.stdin is not None and not sys.stdin.isatty()
    if (not arguments and piped) or arguments == ["fn"]:
        from imagesetter.cli.function import main as function_main

        sys.exit(function_main())
    from imagesetter.cli.main import main as command_line

    sys.exit(command_line(arguments))


if __name__ == "__main__":
    main()
