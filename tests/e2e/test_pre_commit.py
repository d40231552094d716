"""The hooks under the real pre-commit, from a local Git repository: each finds what it needs beside changed files."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from e2e.conftest import Done, Stage, environment_in, hook_repository
from e2e.conftest import registry as registry_of_examples  # noqa: F401 - a fixture
from e2e.test_examples import prepare, run_in_place
from support.registries import RunningRegistry
from support.walking import same_each_time, sections, walk
from tools import CHECKOUT, require_tool


@dataclass
class CountingRegistry:
    """A registry of one repository that counts how often its tags are listed."""

    host: str = ""
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def registry() -> Iterator[CountingRegistry]:
    counted = CountingRegistry()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            counted.asked.append(self.path)
            self.answer(json.dumps({"name": "app", "tags": ["1.0.0", "1.0.1"]}), "application/json")

        def do_HEAD(self) -> None:
            self.answer(json.dumps({"schemaVersion": 2}), "application/vnd.oci.image.manifest.v1+json")

        def answer(self, text: str, kind: str) -> None:
            body = text.encode()
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Content-Digest", f"sha256:{hashlib.sha256(body).hexdigest()}")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    counted.host = f"localhost:{server.server_port}"
    yield counted
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def hooks(without_index: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The hooks' repository, and pre-commit's home with their environment, built once for all tests here."""
    require_tool("git")
    require_tool("pre-commit")
    root = tmp_path_factory.mktemp("hooks")
    stage = Stage(root, "", environment_in(root))
    return hook_repository(stage), root / "pre-commit"


@dataclass(frozen=True)
class Repository:
    """A Flux repository whose policies stand far from what follows them, and a pre-commit that knows our hooks."""

    stage: Stage
    hooks: Path
    home: Path
    host: str

    @property
    def root(self) -> Path:
        return self.stage.root / "fleet"

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def configure(self, hook: str, **settings: object) -> None:
        config = {"repos": [{"repo": self.hooks.as_uri(), "rev": "v0.1.0", "hooks": [{"id": hook, **settings}]}]}
        self.write({".pre-commit-config.yaml": json.dumps(config)})
        self.stage.shell("git init -q && git add . && git commit -qm all --no-verify", cwd=self.root)

    def run(self, *arguments: str) -> Done:
        home = {"PRE_COMMIT_HOME": str(self.home)}
        return self.stage.run("pre-commit", "run", "--color", "never", *arguments, cwd=self.root, **home)


def policies(host: str) -> str:
    flux = {"apiVersion": "image.toolkit.fluxcd.io/v1", "metadata": {"name": "app", "namespace": "flux-system"}}
    spec = {"imageRepositoryRef": {"name": "app"}, "policy": {"semver": {"range": "1.0.x"}}}
    repository = {"image": f"{host}/app", "insecure": True, "interval": "5m"}
    documents = [{**flux, "kind": "ImageRepository", "spec": repository}, {**flux, "kind": "ImagePolicy", "spec": spec}]
    return "\n---\n".join(map(json.dumps, documents)) + "\n"


def deployment(host: str, tag: str, policy: str = "flux-system:app") -> str:
    return f'image: {host}/app:{tag} # {{"$imagepolicy": "{policy}"}}\n'


@pytest.fixture
def repository(tmp_path: Path, hooks: tuple[Path, Path], registry: CountingRegistry) -> Repository:
    made = Repository(Stage(tmp_path, registry.host, environment_in(tmp_path)), *hooks, registry.host)
    made.write(
        {
            "clusters/images.yaml": policies(made.host),
            "apps/a.yaml": deployment(made.host, "1.0.0"),
            "apps/b.yaml": deployment(made.host, "1.0.0"),
        }
    )
    return made


def test_the_hook_of_the_readme_passes_in_a_directory_with_its_files_only(
    hooks: tuple[Path, Path], tmp_path: Path
) -> None:
    repository, home = hooks
    readme = sections((CHECKOUT / "README.md").read_text(encoding="utf-8"))
    before, section = readme["One short policy"].partition("```console")[0], readme["pre-commit"]
    config, _, run = section.partition("```console")
    stage = Stage(tmp_path, "", environment_in(tmp_path))
    environment = {**stage.environment, "PRE_COMMIT_HOME": str(home)}
    folder = tmp_path / "podinfo"
    here = f"repo: {repository.as_uri()}"
    for files in (before, config.replace("repo: https://github.com/imagesetter/imagesetter", here)):
        walk(files, folder, environment)
    stage.shell("git init -q && git add .", cwd=folder)
    assert "```console" + run == walk("```console" + run, folder, environment, shown=same_each_time)
    assert "imagesetter lint" in run


def test_the_example_changes_what_its_patch_says_and_nothing_on_a_second_run(
    hooks: tuple[Path, Path],
    tmp_path: Path,
    registry_of_examples: RunningRegistry,  # noqa: F811
) -> None:
    repository, home = hooks
    environment = {**environment_in(tmp_path), "PRE_COMMIT_HOME": str(home)}
    stage = Stage(tmp_path, registry_of_examples.host.replace("127.0.0.1", "localhost"), environment)
    package = prepare(stage, "pre-commit")
    config = package / ".pre-commit-config.yaml"
    config.write_text(config.read_text().replace("https://github.com/imagesetter/imagesetter", repository.as_uri()))
    stage.shell("git init -q && git add . && git commit -qm before", cwd=package)
    run_in_place("pre-commit", stage, package)


def test_the_environment_of_the_hooks_holds_the_pinned_versions_and_nothing_else(repository: Repository) -> None:
    repository.configure("imagesetter-lint")
    repository.run("--files", "apps/a.yaml")
    (python,) = repository.home.glob("*/py_env-*/bin/python")
    listed = json.loads(
        repository.stage.run(str(python), "-m", "pip", "list", "--format=json", cwd=repository.root).stdout
    )
    installed = {canonicalize_name(one["name"]): one["version"] for one in listed}
    lines = (CHECKOUT / "requirements" / "runtime.txt").read_text().splitlines()
    pinned = [Requirement(line.rstrip(" \\")) for line in lines if "==" in line]
    here = {
        canonicalize_name(pin.name): str(pin.specifier)[2:] for pin in pinned if not pin.marker or pin.marker.evaluate()
    }
    assert {name: installed.get(name) for name in here} == here
    assert installed.keys() - here.keys() <= {"imagesetter", "pip", "setuptools", "wheel"}


def test_update_changes_the_changed_files_only_by_policies_from_elsewhere(
    repository: Repository, registry: CountingRegistry
) -> None:
    repository.configure("imagesetter-update")
    done = repository.run("--files", "apps/a.yaml")
    assert done.status == 1, str(done)
    assert "files were modified by this hook" in done.stdout
    assert ":1.0.1 " in (repository.root / "apps/a.yaml").read_text()
    assert ":1.0.0 " in (repository.root / "apps/b.yaml").read_text()
    assert len(registry.asked) == 1, registry.asked


def test_update_runs_at_each_of_its_stages_unless_the_configuration_names_one(repository: Repository) -> None:
    def stages() -> list[str]:
        ran = []
        for stage in ("pre-commit", "pre-push", "manual", "post-commit"):
            if "Failed" in repository.run("--all-files", "--hook-stage", stage).stdout:
                ran.append(stage)
                repository.stage.shell("git checkout -q .", cwd=repository.root)
        return ran

    repository.configure("imagesetter-update")
    assert stages() == ["pre-commit", "pre-push", "manual"]
    repository.configure("imagesetter-update", stages=["manual"])
    assert stages() == ["manual"]


@pytest.mark.parametrize("settings", [{}, {"require_serial": False}], ids=["one after the other", "side by side"])
def test_batches_of_files_do_not_ask_the_registry_twice(
    settings: dict[str, object], repository: Repository, registry: CountingRegistry
) -> None:
    """The manifest says require_serial; a configuration that undoes it gets several runs at once."""
    number = 800
    filler = "x" * 200  # more than one command line can hold
    repository.write({f"many/{filler}{n}.yaml": deployment(repository.host, "1.0.0") for n in range(number)})
    repository.configure("imagesetter-update", **settings)
    done = repository.run("--all-files")
    assert done.status == 1, str(done)
    assert done.stdout.count("up to date (") > 1, str(done)
    assert len(registry.asked) == 1, registry.asked
    texts = {path.read_text() for path in (repository.root / "many").iterdir()}
    assert texts == {deployment(repository.host, "1.0.1")}


def test_lint_needs_no_registry_and_sees_policies_from_elsewhere(
    repository: Repository, registry: CountingRegistry
) -> None:
    repository.write({"apps/c.yaml": deployment(repository.host, "1.0.0", "flux-system:app-two")})
    repository.configure("imagesetter-lint")
    passed = repository.run("--files", "apps/a.yaml")
    assert passed.status == 0, str(passed)
    failed = repository.run("--files", "apps/c.yaml")
    assert (failed.status, "dangling-marker" in failed.stdout) == (1, True), str(failed)
    assert registry.asked == []


def test_check_answers_from_the_lock_of_the_repository(repository: Repository, registry: CountingRegistry) -> None:
    repository.configure("imagesetter-check")
    missing = repository.run("--files", "apps/a.yaml")
    assert (missing.status, "there is no images.lock.yaml" in missing.stdout) == (1, True), str(missing)
    locked = repository.stage.here("lock", cwd=repository.root)
    assert locked.status == 0, str(locked)
    registry.asked.clear()
    stale = repository.run("--files", "apps/a.yaml")
    assert (stale.status, "1.0.0 → 1.0.1" in stale.stdout) == (1, True), str(stale)
    assert repository.stage.here("update", "--from", "lock", cwd=repository.root).status == 0
    assert repository.run("--files", "apps/a.yaml").status == 0
    assert registry.asked == []


def test_policy_tests_run_when_a_policy_changes(repository: Repository, registry: CountingRegistry) -> None:
    case = {"tags": ["1.0.0", "1.0.7", "1.1.0"], "cases": [{"pick": "1.0.7"}]}
    kind = {"apiVersion": "imagesetter.dev/v1alpha1", "kind": "PolicyTest", "metadata": {"name": "app"}}
    test = {**kind, "spec": {"policyRef": "flux-system:app", **case}}
    repository.write({"clusters/app.policy-test.yaml": json.dumps(test)})
    repository.configure("imagesetter-test")
    assert repository.run("--files", "clusters/images.yaml").status == 0
    images = repository.root / "clusters/images.yaml"
    images.write_text(images.read_text().replace("1.0.x", "1.x"))
    failed = repository.run("--files", "clusters/images.yaml")
    assert (failed.status, "1.1.0" in failed.stdout) == (1, True), str(failed)
    assert registry.asked == []
