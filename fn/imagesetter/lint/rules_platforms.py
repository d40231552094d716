"""Rules about the platforms for which a tag must have images."""

from __future__ import annotations

from collections.abc import Iterator

from imagesetter.flux.annotations import PLATFORMS, annotation
from imagesetter.lint.finding import Problem
from imagesetter.lint.linted_tree import LintedTree
from imagesetter.policy.platform import parse_platform, unknown_part


def unknown_platform(tree: LintedTree) -> Iterator[Problem]:
    """A platform for which nobody builds images: it is misspelt, and the policy would select nothing."""
    for _, located in tree.located("ImagePolicy"):
        path = ("spec", "platforms") if located.inline else ("metadata", "annotations", PLATFORMS)
        for _, form in tree.forms(located):
            for name in filter(None, map(str.strip, annotation(form, PLATFORMS).split(","))):
                try:
                    what = unknown_part(parse_platform(name))
                except ValueError:
                    continue  # incomplete-policy says so
                if what:
                    message = f"the policy asks for the platform {name}: {what}"
                    yield Problem(located.position(*path), message, "fix it: only tags with an image for it are taken")
