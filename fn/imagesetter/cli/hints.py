"""What to do next if a run had nothing to do."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from imagesetter.cli.terminal import echo, styled

START = """\
Start:
  imagesetter demo                  see it work, with an example registry
  imagesetter update --check        would anything change below this directory?
  imagesetter explain ghcr.io/org/app --semver 6.x          needs no file at all
"""


def print_hint(text: str) -> None:
    """Print a hint to stderr."""
    echo(f"{styled('hint', sys.stderr, fg='cyan')}: {text}", err=True)


def why_nothing(paths: Sequence[str], *, files: int, policies: int) -> str:
    """What to do if no field follows a policy.

    Args:
        paths: as the user gave them.
        files: the number of files read.
        policies: the number of known policies.
    """
    where = " and ".join(paths) if paths else "this directory"
    if not files:
        return f"no YAML file, Kustomization or Kptfile in {where}; specify the directory of your configuration"
    if policies:
        which = "1 policy is known" if policies == 1 else f"{policies} policies are known"
        return (
            f"{which}, and no field in {where} follows {'it' if policies == 1 else 'any'}; "
            "`imagesetter mark --check --diff` shows where markers could be added"
        )
    return (
        f"{where} contains neither markers nor policies; "
        'a marker is a comment such as # {"$imagepolicy": "flux-system:web"}, and `imagesetter demo` shows one at work'
    )
