"""The arguments of a build that is under way, told apart as kustomize does."""

from __future__ import annotations

import pytest

from imagesetter.kustomize.program import Arguments, parse_arguments

ARGUMENTS: dict[str, tuple[str, Arguments | None]] = {
    "nothing": ("", Arguments("", (), False)),
    "a directory": ("ov", Arguments("ov", (), False)),
    "options around it": (
        "--enable-exec ov --enable-helm",
        Arguments("ov", ("--enable-exec", "--enable-helm"), False),
    ),
    "a value behind its option": (
        "--helm-command ./helm ov -e A=b",
        Arguments("ov", ("--helm-command", "./helm", "-e", "A=b"), False),
    ),
    "a value in its option": (
        "--helm-command=./helm ov -eA=b",
        Arguments("ov", ("--helm-command=./helm", "-eA=b"), False),
    ),
    "an output file": ("-o out ov", Arguments("ov", (), True)),
    "an output file in one word": ("-oout ov", Arguments("ov", (), True)),
    "an output file behind a sign": ("ov --output=out", Arguments("ov", (), True)),
    "a directory behind two dashes": ("--enable-exec -- -ov", Arguments("-ov", ("--enable-exec",), False)),
    "an option that nobody knows": ("--new", Arguments("", ("--new",), False)),
    "an option that nobody knows, with a value": ("--new value ov", None),
    "two directories": ("a b", None),
    "a value that is missing": ("ov --mount", None),
}


@pytest.mark.parametrize(("words", "wanted"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_directory_and_options_are_told_apart(words: str, wanted: Arguments | None) -> None:
    assert parse_arguments(words.split()) == wanted
