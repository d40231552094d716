"""The exclusion list that a repository has without asking; in a file of its own, since reading a lock needs it too."""

from __future__ import annotations

DEFAULT_EXCLUSIONS = (r"^.*\.sig$",)
"""The exclusion list that stands in for a missing or empty one: cosign's signatures."""
