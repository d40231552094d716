"""Packages have an order: one imports only from those below it, and a library belongs to the packages that need it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.metadata import packages_distributions

import pytest
from packaging.utils import canonicalize_name

from support.sources import FN, modules, parsed
from support.tables import each_row
from test_project import DEPENDENCIES

# From the ground up. A module or package that has a layer apart from its package's is named with its whole path.
LAYERS = [
    {"krm_functions.messages", "krm_functions.redaction", "krm_functions.suggestions"},
    {"krm_functions.errors"},
    {"krm_functions.yaml"},
    {"krm_functions"},
    {"imagesetter", "imagesetter.errors"},
    {"imagesetter.files"},
    {"imagesetter.golang"},
    {"imagesetter.golang.template"},
    {"imagesetter.policy", "imagesetter.registry"},
    {"imagesetter.verification"},
    {"imagesetter.flux"},
    {"imagesetter.config"},
    {"imagesetter.lock"},
    {"imagesetter.candidates"},
    {"imagesetter.selection"},
    {"imagesetter.fields"},
    {"imagesetter.update"},
    {"imagesetter.git", "imagesetter.lint", "imagesetter.policy_tests"},
    {"imagesetter.kustomize"},
    {"imagesetter.cli.schemas"},
    {"imagesetter.cli"},
    {"imagesetter.cli.reports"},
    {"imagesetter.cli.editor"},
    {"imagesetter.__main__", "imagesetter.cli.commands"},
]
NAMED = set().union(*LAYERS)

# What a package may import of ours, where that is less than everything below it.
_SDK = {"krm_functions.errors", "krm_functions.messages", "krm_functions.redaction", "krm_functions.suggestions"}
_GROUND = {"imagesetter", "imagesetter.errors", *_SDK}
ONLY = {
    "imagesetter.golang": _SDK,
    "imagesetter.golang.template": {*_SDK, "imagesetter.golang"},
    "imagesetter.policy": {*_GROUND, "imagesetter.golang"},
    "imagesetter.registry": {*_GROUND, "imagesetter.files"},
    "imagesetter.verification": {*_GROUND, "imagesetter.golang", "imagesetter.registry"},
}

# Who may import a library at all, wherever in the module the import stands.
OWNERS = {
    "yaml": ("krm_functions.yaml",),
    "ruamel": ("krm_functions.yaml",),
    "platformdirs": ("imagesetter.registry.settings",),
    "httpx": ("imagesetter.registry.http.library",),  # imports it without its command line
    "httpcore": ("imagesetter.registry.http.transport",),
    "botocore": ("imagesetter.registry.auth.cloud.aws",),
    "azure": ("imagesetter.registry.auth.cloud.azure",),
    "google": ("imagesetter.registry.auth.cloud.gcp",),
    "cryptography": ("imagesetter.verification",),
    "sigstore": ("imagesetter.verification",),
    "jwt": ("imagesetter.git.github_app",),
    "re2": ("imagesetter.golang",),
    "semver": ("imagesetter.policy",),
    "pydantic": (
        "imagesetter.cli.schemas",
        "imagesetter.config.image_setter",
        "imagesetter.config.policy_model",
        "imagesetter.config.project_file",
        "imagesetter.config.strict_model",
        "imagesetter.flux",
        "imagesetter.policy_tests.model",
        "krm_functions.typed_config",  # imported by a function that has a model
    ),
    "click": ("imagesetter.cli",),
    "rich": ("imagesetter.cli",),
    "pygls": ("imagesetter.cli.editor.server",),
    "lsprotocol": ("imagesetter.cli.editor.server",),
}


def package(module: str) -> str:
    """The innermost package that has a layer of its own and holds the module, or the module itself."""
    names = module.split(".")
    return next(name for end in range(len(names), 0, -1) if (name := ".".join(names[:end])) in NAMED)


def layer(module: str) -> int:
    return next(number for number, packages in enumerate(LAYERS) if package(module) in packages)


def imports(module: ast.AST) -> Iterator[tuple[int, str]]:
    """Each imported module with its line, at the top or inside functions alike."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            for alias in node.names:
                name = f"{source}.{alias.name}"
                # `from imagesetter.update import plan` names a module, `from imagesetter.update.plan import Plan` not.
                yield node.lineno, name if name in modules() or name in NAMED else source


def complaints(module: str, source: ast.Module) -> list[str]:
    found = []
    for line, name in imports(source):
        library = name.partition(".")[0]
        if name == "krm_functions" and library == name:
            found.append(f"{module}:{line} imports from the public face, which is for others")
        elif library in ("imagesetter", "krm_functions"):
            mine, its = package(module), package(name)
            if its == mine or name == "imagesetter":
                continue
            if layer(name) > layer(module):
                found.append(f"{module}:{line} imports {name}, which stands above it")
            elif its not in ONLY.get(mine, {its}):
                found.append(f"{module}:{line} imports {name}, but {mine} knows only {', '.join(sorted(ONLY[mine]))}")
        elif not library:
            found.append(f"{module}:{line} has a relative import")
        elif library in OWNERS and not any(f"{module}.".startswith(f"{owner}.") for owner in OWNERS[library]):
            found.append(f"{module}:{line} imports {library}, which belongs to {', '.join(OWNERS[library])}")
    return list(dict.fromkeys(found))


@each_row(modules(), str)
def test_a_module_imports_only_from_below_and_only_its_own_libraries(module: str) -> None:
    assert complaints(module, parsed(modules()[module])) == []


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("imagesetter.policy.select", "from imagesetter.lock.document import read", "stands above"),
        ("imagesetter.policy.select", "from imagesetter.lock import document as lock", "stands above"),
        ("imagesetter.policy.select", "def f():\n    import imagesetter.cli.options", "stands above"),
        ("imagesetter.registry.client", "from krm_functions.yaml.load import load", "knows only"),
        ("imagesetter.golang.duration", "from imagesetter.errors import InvalidFilter", "knows only"),
        ("imagesetter.golang.template.parser", "from imagesetter.policy.select import select", "stands above"),
        ("krm_functions.main", "from imagesetter.errors import LockError", "stands above"),
        ("krm_functions.main", "import yaml", "belongs to krm_functions.yaml"),
        ("imagesetter.registry.cache", "from httpcore import ConnectionPool", "belongs to"),
        ("imagesetter.registry.http.transport_extra", "import httpcore", "belongs to"),
        ("imagesetter.registry.http.retry", "import httpx", "belongs to"),
        ("imagesetter.cli.function", "from krm_functions import Result", "public face"),
        ("imagesetter.policy.select", "from . import ranker", "relative import"),
    ],
    ids=[
        "a package above",
        "a module of a package above",
        "the command line, lazily",
        "a package below that it must not know",
        "what is Go's knows none of our errors",
        "the templates know no policies",
        "the SDK knows nothing of images",
        "someone else's library",
        "the transport's library",
        "a name that only begins like the owner's",
        "httpx with its command line",
        "the face that others use",
        "relative",
    ],
)
def test_an_import_against_the_order_is_found(module: str, source: str, complaint: str) -> None:
    (found,) = complaints(module, ast.parse(source))
    assert complaint in found


def run_time_imports(module: ast.AST) -> Iterator[str]:
    """What a module imports at the top or inside functions, but for what only type checkers see."""
    for node in ast.iter_child_nodes(module):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (name for _, name in imports(node))
        else:
            yield from run_time_imports(node)


def test_no_modules_import_each_other_in_a_circle() -> None:
    sources = {name: set(run_time_imports(parsed(path))) for name, path in modules().items()}
    left = {name: needed & sources.keys() for name, needed in sources.items() if not name.endswith("__main__")}
    while free := {name for name, needed in left.items() if not needed & left.keys()}:
        left = {name: needed for name, needed in left.items() if name not in free}
    assert left == {}


def test_every_module_can_be_read_in_one_sitting() -> None:
    lines = {name: path.read_text(encoding="utf-8").count("\n") for name, path in modules().items()}
    assert {name: count for name, count in lines.items() if count > 400} == {}


def test_no_package_exports_from_its_init() -> None:
    """Every import cycle measured in the projects we learnt from ran through a re-exporting ``__init__``.

    The public face of the SDK imports nothing before it is asked to, and no module of ours imports from it.
    """
    faces = (FN / "imagesetter", FN / "krm_functions")
    inits = [path for path in FN.rglob("__init__.py") if path.parent not in faces]
    assert inits
    assert [path for path in inits if ast.unparse(parsed(path)).strip()] == []


def test_no_public_class_is_defined_twice() -> None:
    """One name, one meaning: a reader who searches for a class finds one."""
    defined: dict[str, list[str]] = {}
    for module, path in modules().items():
        for node in parsed(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                defined.setdefault(node.name, []).append(module)
    assert {name: places for name, places in defined.items() if len(places) > 1} == {}


SEAMS = {
    "__main__": ["cli.flux_plugin", "cli.main", "cli.streams"],
    "cli.commands.lsp": ["cli.editor.server"],
    "cli.commands.rollback": ["cli.registry_client", "update.signatures"],
    "cli.commands.schema": ["cli.schemas.kinds"],
    "cli.commands.update": [
        "cli.registry_client",
        "cli.reports.commit_message",
        "cli.reports.links",
        "cli.reports.update_sarif",
    ],
    "cli.completion": ["cli.main", "cli.schemas.kinds", "flux.resources", "lint.run", "update.read_tree"],
    "cli.fast_path": ["cli.function", "kustomize.recording", "krm_functions.errors"],
    "cli.function": ["kustomize.exact", "kustomize.recording"],
    "cli.planned_update": ["cli.history"],
    "cli.progress": ["cli.terminal"],
    "cli.project": ["config.project_file", "krm_functions.yaml.load"],
    "cli.network_options": ["golang.duration"],
    "cli.operator_transport": ["registry.http.transport"],
    "cli.reports.notifications": ["registry.http.request"],
    "cli.source": ["cli.history", "cli.registry_refs"],
    "config.function_config": ["config.image_setter"],
    "config.inline_policy": ["config.policy_model"],
    "fields.field_text": ["registry.reference"],
    "fields.resource_list": ["fields.kustomize_fields", "fields.nested", "registry.reference"],
    "flux.annotations": ["golang.duration", "policy.platform"],
    "flux.catalog": ["flux.image_policy"],
    "flux.image_policy": ["flux.models", "flux.verify"],
    "flux.patches": ["golang.regexp.pattern", "krm_functions.label_selector"],
    "flux.resources": ["policy.kinds", "registry.auth.kubernetes_secrets"],
    "git.forge": ["registry.http.request"],
    "lint.rules_policies": ["flux.automations", "flux.models"],
    "policy.semver": ["policy.semver_ranker"],
    "registry.auth.docker_config": ["registry.auth.credential_helper"],
    "registry.client": ["registry.sessions"],
    "registry.manifests": ["registry.http.library"],
    "selection.choose": ["candidates.rules", "candidates.situation"],
    "selection.lock_source": ["selection.releases"],
    "selection.registry_source": ["selection.releases"],
    "selection.status_source": ["selection.releases"],
    "update.downgrades": ["golang.semver.version"],
    "update.policy_rules": ["update.tag_order"],
    "update.resource_list": ["fields.kustomize_sources", "fields.nested"],
    "krm_functions.function": ["krm_functions.typed_config"],
    "krm_functions.item": ["krm_functions.editing", "krm_functions.yaml.structure.editable"],
    "krm_functions.list_text": ["krm_functions.yaml.structure.reading", "krm_functions.yaml.structure.tree"],
    "krm_functions.main": ["krm_functions.command_line"],
    "krm_functions.resource_list": [
        "krm_functions.borrowed",
        "krm_functions.editing",
        "krm_functions.label_selector",
        "krm_functions.selector",
    ],
}
"""Which of our own modules are imported inside functions, by module, each because a run that ends before needs it not.

kpt and kustomize start a process for each function and run: see `test_imports.py`.
"""


def test_our_modules_are_imported_inside_functions_only_where_start_up_gains() -> None:
    found: dict[str, list[str]] = {}
    for module, path in modules().items():
        inner = {
            (node.module or "").removeprefix("imagesetter.")
            for outer in parsed(path).body
            if isinstance(outer, (ast.FunctionDef, ast.ClassDef))
            for node in ast.walk(outer)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("imagesetter.", "krm_functions."))
        }
        if inner:
            found[module.removeprefix("imagesetter.")] = sorted(inner, key=lambda name: ("krm" in name, name))
    assert found == SEAMS


def test_every_declared_dependency_is_imported_by_the_package() -> None:
    names = {name.partition(".")[0] for path in modules().values() for _, name in imports(parsed(path))}
    providers = packages_distributions()
    imported = {canonicalize_name(each) for name in names for each in providers.get(name, ())}
    declared = {canonicalize_name(wanted.name) for wanted in DEPENDENCIES}
    assert declared - imported == set()


def test_no_module_imports_a_private_name_of_another_library() -> None:
    """But for libyaml's own version, which ``--version`` asks for by a text, and does without."""
    private = {
        (module, name)
        for module, path in modules().items()
        for node in ast.walk(parsed(path))
        for name in _imported(node)
        if any(part.startswith("_") and not part.startswith("__") for part in name.split("."))
        and not name.startswith(("imagesetter.", "krm_functions."))
    }
    assert private == set()


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [f"{node.module}.{alias.name}" for alias in node.names] if isinstance(node, ast.ImportFrom) else []
