"""Unified diffs of rewritten files."""

from __future__ import annotations

from collections.abc import Sequence

from imagesetter.files.rewrite import Rewrite


def unified_diff(rewritten: Rewrite) -> str:
    """A diff that ``git apply`` and ``patch`` accept, byte for byte.

    Raises:
        ReportedError: the file cannot be read, or holds other bytes than those of the plan.
    """
    import difflib  # few runs show a diff

    versions = rewritten.versions()
    before, after = (data.decode("utf-8").split("\n") for data in versions)
    name = rewritten.path.as_posix().lstrip("/")
    is_new = not versions[0] and not rewritten.path.exists()
    old, new = "/dev/null" if is_new else _quoted(f"a/{name}"), _quoted(f"b/{name}")
    lines = list(difflib.unified_diff(_with_ends(before), _with_ends(after), old, new, n=3))
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _quoted(name: str) -> str:
    """The name of a file as git writes it: in quotes if it contains special characters."""
    if name.isprintable() and '"' not in name and "\\" not in name:
        return name
    escaped = (f"\\{char}" if char in '"\\' else char if char.isprintable() else _octal(char) for char in name)
    return f'"{"".join(escaped)}"'


def _octal(char: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in char.encode("utf-8", "surrogateescape"))


def _with_ends(lines: Sequence[str]) -> list[str]:
    """Lines with their ends, as ``splitlines(keepends=True)`` gives them, but split only at ``\\n``."""
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
