"""Where the command starts: the KRM function by the shortest way, everything else through the command line."""

import gc
import os
import sys

from imagesetter.cli.fast_path import main as function_main

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` itself takes longer to import than the shortest way takes in all
    from typing import NoReturn

_UNSEEN = 200_000
"""New objects before the collector of cycles looks at them: most live as long as the run, and few make cycles. The
modules of a short run are fewer."""


def main() -> "NoReturn":
    """Run imagesetter with ``sys.argv`` and leave with its exit status.

    kpt and kustomize run the command without arguments and with a ResourceList on standard input; that path imports
    no command-line library; a list in which nothing can follow a policy not even a YAML library.
    """
    gc.set_threshold(_UNSEEN)
    # pydantic would read what every installed package says of itself, in search of plugins, and run those.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    arguments = sys.argv[1:]
    piped = sys.stdin is not None and not sys.stdin.isatty()
    completing = "_IMAGESETTER_COMPLETE" in os.environ  # a shell asks, wherever its standard input comes from
    if (not arguments and piped and not completing) or arguments == ["fn"]:
        _leave(function_main())
    from imagesetter.cli.main import main as command_line
    from imagesetter.cli.streams import prepare

    prepare()
    _leave(command_line(arguments))


def flux_plugin() -> "NoReturn":
    """Run as ``flux-imagesetter``, which Flux 2.9 finds in its plugin directory and runs for ``flux imagesetter``.

    It is never the KRM function without a command: Flux leaves its own standard input to it.
    """
    gc.set_threshold(_UNSEEN)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    arguments = sys.argv[1:]
    from imagesetter.cli.streams import prepare

    prepare()
    if arguments[:1] == ["__complete"]:
        from imagesetter.cli.flux_plugin import complete

        complete(arguments[1:])
        _leave(0)
    from imagesetter.cli.main import main as command_line

    _leave(command_line(arguments))


def _leave(status: int) -> "NoReturn":
    gc.freeze()  # or the interpreter looks for cycles in all that is left, and the system takes it back anyway
    sys.exit(status)


if __name__ == "__main__":
    main()
