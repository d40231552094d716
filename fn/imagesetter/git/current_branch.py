"""The branch that a checkout is on, also where a CI job has checked out a commit."""

from __future__ import annotations

import os
from collections.abc import Mapping

from imagesetter.git.command import Git


def branch_of(name: str) -> str:
    """The branch that ``ref.name`` names; empty for a tag or another ref."""
    return name.removeprefix("refs/heads/") if name.startswith("refs/heads/") else ""


def current_branch(git: Git) -> str:
    """The remote's name of the branch that a checkout is on.

    CI systems check out a commit: then the branch is the one that they name in the environment, if any.
    """
    branch = git.run("symbolic-ref", "--quiet", "--short", "HEAD", accept=(0, 1)).text
    if not branch:
        return ci_branch(os.environ)
    return git.setting(f"branch.{branch}.merge").removeprefix("refs/heads/") or branch


def ci_branch(environment: Mapping[str, str]) -> str:
    """The branch that a CI job runs for; empty if none is named, as for a tag or a merge request.

    The variables are GitHub's, Azure DevOps', GitLab's, Bitbucket's and Jenkins'.
    """
    if environment.get("BITBUCKET_PR_ID") or environment.get("CHANGE_ID"):
        return ""
    for variable in ("GITHUB_REF", "BUILD_SOURCEBRANCH"):
        if branch := branch_of(environment.get(variable, "")):
            return branch
    for variable in ("CI_COMMIT_BRANCH", "BITBUCKET_BRANCH"):
        if branch := environment.get(variable, ""):
            return branch
    return environment.get("GIT_BRANCH", "").removeprefix("origin/")
