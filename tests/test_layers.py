"""The house has an order: a room imports only from rooms below it, and a library belongs to the rooms that need it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "fn" / "imagesetter"

# From the ground up. A room in a room that has a floor of its own is named with its whole path.
FLOORS = [
    {"errors", "redaction", "system"},
    {"local_files"},
    {"text"},
    {"krm"},
    {"policy"},
    {"registry", "gotemplate.faults"},
    {"gotemplate.go"},
    {"gotemplate.functions", "gotemplate"},
    {"flux"},
    {"ages", "config", "tree"},
    {"resolve", "writing"},
    {"plan"},
    {"guards"},
    {"places", "lock"},
    {"reading"},
    {"files"},
    {"automation", "explain", "function", "lint", "mark", "policy_tests", "tag_lists"},
    {"automate", "schemas"},
    {"cli"},
    {"cli.reports"},
    {"cli.commands", "__main__"},
]
# These three could be lifted out of the house: they know its errors, its secrets, its files and what systems differ in.
ONLY_ERRORS = {"text", "policy", "registry"}

# Who may import a library at all, wherever in the module the import stands.
OWNERS = {
    "yaml": ("text",),
    "ruamel": ("text",),
    "httpcore": ("registry.transport",),
    "re2": ("policy", "gotemplate"),
    "semver": ("policy",),
    "pydantic": (
        "config.image_setter",
        "config.strict",
        "flux",
        "policy_tests.model",
        "schemas",
    ),
    "click": ("cli",),
    "filelock": ("system",),
    "rich": ("cli",),
}


def room(module: str) -> str:
    """The innermost room of a module that has a floor of its own."""
    names = module.split(".")
    known = set().union(*FLOORS)
    return next((name for end in range(len(names), 1, -1) if (name := ".".join(names[:end])) in known), names[0])


def floor(module: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room(module) in rooms)


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Each imported module with its line, at the top or inside functions alike."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            # `from imagesetter import plan` names a module, `from imagesetter.plan import plan` does not.
            yield from ((node.lineno, f"{source}.{a.name}" if source == "imagesetter" else source) for a in node.names)


def complaints(module: str, source: str) -> list[str]:
    found = []
    for line, name in imports(ast.parse(source)):
        library, _, inner = name.partition(".")
        if library == "imagesetter":
            if inner.startswith("__version__") or room(inner) == room(module):
                continue
            if floor(inner) > floor(module):
                found.append(f"{module}:{line} imports {inner}, which stands above it")
            elif room(module) in ONLY_ERRORS and room(inner) not in ("errors", "local_files", "redaction", "system"):
                found.append(f"{module}:{line} imports {inner}, but {room(module)} knows only the errors")
        elif not library:
            found.append(f"{module}:{line} has a relative import")
        elif library in OWNERS and not any(f"{module}.".startswith(f"{owner}.") for owner in OWNERS[library]):
            found.append(f"{module}:{line} imports {library}, which belongs to {', '.join(OWNERS[library])}")
    return found


def modules() -> dict[str, Path]:
    files = {path: path.relative_to(PACKAGE).with_suffix("").parts for path in sorted(PACKAGE.rglob("*.py"))}
    return {".".join(parts): path for path, parts in files.items()}


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_only_from_below_and_only_its_own_libraries(module: str) -> None:
    assert complaints(module, modules()[module].read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("policy.rules", "from imagesetter.lock.document import read", "stands above"),
        ("policy.rules", "from imagesetter.lock import document as lock", "stands above"),
        ("policy.rules", "def f():\n    import imagesetter.cli.update", "stands above"),
        ("registry.client", "from imagesetter.text.load import load", "knows only the errors"),
        ("krm.run", "import yaml", "belongs to text"),
        ("registry.cache", "from httpcore import ConnectionPool", "belongs to registry.transport"),
        ("registry.transport_extra", "import httpcore", "belongs to registry.transport"),
        ("policy.rules", "from . import ranges", "relative import"),
    ],
    ids=[
        "a story",
        "a story as a name",
        "the command line, lazily",
        "a neighbour",
        "someone else's library",
        "the transport's library",
        "a name that only begins like the owner's",
        "relative",
    ],
)
def test_an_import_against_the_order_is_found(module: str, source: str, complaint: str) -> None:
    (found,) = complaints(module, source)
    assert complaint in found


def test_rooms_export_nothing_from_their_init() -> None:
    """Every import cycle measured in the projects we learnt from ran through a re-exporting ``__init__``."""
    inits = [path for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE]
    assert inits
    assert [path for path in inits if ast.unparse(ast.parse(path.read_text(encoding="utf-8"))).strip()] == []


def test_near_names_are_looked_for_in_one_place() -> None:
    """Where the number of comparisons is bounded."""
    users = [name for name, path in modules().items() if "get_close_matches" in path.read_text(encoding="utf-8")]
    assert users == ["errors"]
