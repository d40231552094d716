"""Texts made of what commit message templates are made of, for properties of their engine."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

from imagesetter.golang.template.catalogue import FUNCTIONS

PIECES = [
    "{{", "}}", "{{- ", " -}}", " ", "\n", ".", "$", "$x", ":=", "=", "|", "(", ")", ",", '"a"', "`b`", "'c'", "1",
    "1.5", "0x1F", "-", "if ", "else ", "end", "range ", "with ", "define ", "template ", "block ", "break", "nil",
    "true", ".Values", ".cluster", ".Changed", "print ", "eq ", "index ", "list ", "dict ", "é", "🚢", "/*", "*/",
    "\\", '"', *(f"{name} " for name in sorted(FUNCTIONS)),
]  # fmt: skip
soup = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
actions = st.lists(st.sampled_from(PIECES), max_size=8).map(lambda pieces: "{{ " + " ".join(pieces) + " }}")
quick = settings(max_examples=150)
