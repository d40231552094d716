"""The default exclusion list. It is a module by itself, because reading a lock needs it and nothing else from here."""

from __future__ import annotations

DEFAULT_EXCLUSIONS = (r"^.*\.sig$",)
"""Used if a repository has no exclusion list, or an empty one: excludes cosign's signatures."""
