"""The branch that a checkout is on, also where a CI job has checked out a commit."""

from __future__ import annotations

import os

from imagesetter.git.ci_variables import ci_branch
from imagesetter.git.command import Git


def current_branch(git: Git) -> str:
    """The remote's name of the branch that a checkout is on.

    CI systems check out a commit: then the branch is the one that they name in the environment, if any.
    """
    branch = git.run("symbolic-ref", "--quiet", "--short", "HEAD", accept=(0, 1)).text
    if not branch:
        return ci_branch(os.environ)
    return git.setting(f"branch.{branch}.merge").removeprefix("refs/heads/") or branch
