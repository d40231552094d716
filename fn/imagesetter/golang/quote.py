"""Tags and patterns in messages, fit for a terminal and a log line.

A registry's tags are checked before they come here, but what is explained may come from a file or from a person.
"""

from __future__ import annotations

from krm_functions.messages import harmless

MAX_SHOWN = 128
"""The longest that a tag can be."""


def shown(text: str) -> str:
    """The text itself if it is short and printable; else with escapes, and cut off."""
    if len(text) > MAX_SHOWN:
        text = f"{text[:MAX_SHOWN]}…"
    return harmless(text, kept="")
