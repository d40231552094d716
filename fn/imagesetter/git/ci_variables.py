"""What CI systems say of a job in its environment: the branch that it runs for, and where its log is."""

from __future__ import annotations

from collections.abc import Mapping


def branch_of(name: str) -> str:
    """The branch that ``ref.name`` names; empty for a tag or another ref."""
    return name.removeprefix("refs/heads/") if name.startswith("refs/heads/") else ""


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


def run_url(environment: Mapping[str, str]) -> str:
    """The page of the CI job; empty outside of one.

    The variables are GitHub's (Gitea and Forgejo set them, too), GitLab's, Azure DevOps', Bitbucket's and Jenkins'.
    """

    def joined(text: str, *names: str) -> str:
        values = [environment.get(name, "").rstrip("/") for name in names]
        return text.format(*values) if all(values) else ""

    return (
        joined("{}/{}/actions/runs/{}", "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
        or environment.get("CI_JOB_URL", "")
        or joined("{}/{}/_build/results?buildId={}", "SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECT", "BUILD_BUILDID")
        or joined("{}/pipelines/results/{}", "BITBUCKET_GIT_HTTP_ORIGIN", "BITBUCKET_BUILD_NUMBER")
        or environment.get("BUILD_URL", "")
    )
