"""A real bare remote, automations as a repository holds them, and answers without a registry."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from e2e.conftest import registry, stage  # noqa: F401 - fixtures
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.git.address_rules import GitAddressRules
from imagesetter.git.automation import read_automation
from imagesetter.git.run import AutomationOptions, run_automation
from imagesetter.git.run_result import AutomationRunResult
from imagesetter.selection.sources import KnownDigest, Resolution, Resolved
from imagesetter.update.read_tree import flux_resources
from support.sandbox import Sandbox, open_sandbox
from tools import require_tool

AUTOMATION = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {name: auto, namespace: apps}
spec:
  interval: 5m
  sourceRef: {kind: GitRepository, name: fleet}
  git:
    checkout: {ref: {branch: main}}
    commit:
      author: {name: fluxbot, email: fluxbot@example.com}
  update: {path: ./deploy, strategy: Setters}
"""
POLICY = """\
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: NAME, namespace: NAMESPACE}
spec: {image: registry.example.com/NAME}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: NAME, namespace: NAMESPACE, labels: {LABELS}}
spec: {imageRepositoryRef: {name: NAME}, policy: {semver: {range: 1.x}}}
"""
GIT_REPOSITORY = """\
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: fleet, namespace: apps}
spec: {interval: 5m, url: "URL"}
"""


def policy(name: str, *, namespace: str = "apps", labels: str = "") -> str:
    return POLICY.replace("NAMESPACE", namespace).replace("NAME", name).replace("LABELS", labels)


def image(name: str, tag: str = "1.0.0", *, namespace: str = "apps") -> str:
    return f'image: registry.example.com/{name}:{tag} # {{"$imagepolicy": "{namespace}:{name}"}}\n'


def _data(text: str) -> bytes:
    """A text in what `git fast-import` reads."""
    data = text.encode()
    return b"data %d\n%b\n" % (len(data), data)


@dataclass(frozen=True)
class Repository:
    """A bare repository that stands for a Git server, and what tests do at the other end."""

    path: Path
    scratch: Path

    @property
    def url(self) -> str:
        return self.path.as_uri()

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=cwd or self.path, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"git {arguments}: {done.stderr}"
        return done.stdout.rstrip("\n")

    def commit(self, files: Mapping[str, str], *, branch: str = "main", message: str = "by hand") -> str:
        """A commit of somebody else's on a branch, a new one from main, as their push would leave it."""
        begun = self.branches()
        parent = branch if branch in begun else "main" if "main" in begun else ""
        lines = [
            f"commit refs/heads/{branch}\ncommitter Tester <tester@example.com> now\n".encode(),
            _data(f"{message}\n"),
            f"from refs/heads/{parent}^0\n".encode() if parent else b"",
        ]
        for name, text in files.items():
            quoted = os.fsencode(name).replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
            lines += [b'M 100644 inline "' + quoted + b'"\n', _data(text)]
        # One process, where a clone, a commit in it and a push are a dozen.
        command = ["git", "fast-import", "--quiet", "--date-format=now"]
        subprocess.run(command, cwd=self.path, input=b"".join(lines), check=True, timeout=300)
        return self.git("rev-parse", branch)

    def commit_in_clone(self, files: Mapping[str, str], *, branch: str = "main", message: str = "by hand") -> str:
        """The same from a clone of somebody's, which stays as it is in *scratch*."""
        if not (self.scratch / ".git").exists():
            self.git("clone", "-q", str(self.path), str(self.scratch), cwd=self.path.parent)
        self.git("fetch", "-q", "origin", cwd=self.scratch)
        exists = self.git("ls-remote", "origin", f"refs/heads/{branch}", cwd=self.scratch)
        self.git("checkout", "-q", "-B", branch, *([f"origin/{branch}"] if exists else []), cwd=self.scratch)
        for name, text in files.items():
            path = self.scratch / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "-A", cwd=self.scratch)
        self.git("commit", "-q", "--allow-empty", "-m", message, cwd=self.scratch)
        self.git("push", "-q", "origin", f"HEAD:refs/heads/{branch}", cwd=self.scratch)
        return self.git("rev-parse", "HEAD", cwd=self.scratch)

    def subjects(self, branch: str = "main") -> list[str]:
        """The subjects of a branch's commits, newest first."""
        return self.git("log", "--format=%s", branch, "--").splitlines()

    def file(self, name: str, branch: str = "main") -> str:
        return self.git("show", f"{branch}:{name}") + "\n"

    def branches(self) -> list[str]:
        return self.git("for-each-ref", "--format=%(refname:short)", "refs/heads/").splitlines()

    def hook(self, name: str, script: str) -> None:
        path = self.path / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}")
        path.chmod(0o755)


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare repository with one deployment on main, to be copied: making it takes eight times as long."""
    require_tool("git")
    folder = tmp_path_factory.mktemp("begun")
    path = folder / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", "--template=", "-b", "main", str(path)], check=True)
    Repository(path, folder / "somebody").commit({"deploy/web.yaml": image("web")}, message="begin")
    return path


@dataclass
class Answers:
    """A source whose answers are given; `before` is called each time that a source is made."""

    tags: Mapping[str, str]
    before: Callable[[], None] = lambda: None
    asked: list[PolicyName] = field(default_factory=list)

    def make(self, catalog: Catalog, known: KnownDigest) -> Answers:
        self.before()
        return self

    def answers(self, names: Iterable[PolicyName]) -> dict[PolicyName, Resolution]:
        wanted = list(names)
        self.asked += wanted
        return {name: Resolved(LatestRef(f"registry.example.com/{name.name}", self.tags[name.name])) for name in wanted}


def catalog_of(text: str) -> Catalog:
    catalog = Catalog("flux-system")
    catalog.add(flux_resources(text.encode(), "flux.yaml"))
    return catalog


@dataclass(frozen=True)
class Bench:
    """Runs one automation in this process."""

    remote: Repository
    directory: Path

    def run(
        self,
        text: str = AUTOMATION,
        tags: Mapping[str, str] | None = None,
        *,
        policies: str = "",
        clone: bool = True,
        url: str = "",
        before: Callable[[], None] = lambda: None,
        asked: list[PolicyName] | None = None,
        options: AutomationOptions | None = None,
    ) -> AutomationRunResult:
        """Run it; *before* each source is made, and *asked* takes the policies that are asked for."""
        answers = Answers(tags or {"web": "1.0.1"}, before, [] if asked is None else asked)
        source = GIT_REPOSITORY.replace("URL", url or self.remote.url) if clone else ""
        catalog = catalog_of(text + (policies or "".join(map(policy, answers.tags))) + source)
        (name,) = {name for name, _ in catalog.of_kind("ImageUpdateAutomation")}
        chosen = options or AutomationOptions(sleep=lambda seconds: None)
        if chosen.address_rules == GitAddressRules.parse():
            chosen = replace(
                chosen, address_rules=GitAddressRules.parse(("file:///", "127.0.0.1:*", "localhost:*", "*"))
            )
        return run_automation(read_automation(catalog, name), catalog, answers.make, self.directory, chosen)

    def checkout(self, branch: str = "main") -> Path:
        """The current checkout, which runs without a GitRepository use."""
        self.remote.git(
            "clone", "-q", "-b", branch, str(self.remote.path), str(self.directory), cwd=self.directory.parent
        )
        return self.directory


@pytest.fixture
def bench(begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A remote with one deployment on main; temporary directories and caches are the test's own."""
    shutil.copytree(begun, tmp_path / "remote.git")
    remote = Repository(tmp_path / "remote.git", tmp_path / "somebody")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setenv("IMAGESETTER_ALLOW_GIT", "file:/// 127.0.0.1:* localhost:* *")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Bench(remote, tmp_path / "checkout")


def leftovers(bench: Bench) -> list[str]:
    """What runs left in the temporary directory."""
    return os.listdir(bench.remote.path.parent / "tmp")


class Checkout:
    """A sandbox in a Git checkout."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.git("init", "-q", "-b", "main")
        self.commit()

    def git(self, *arguments: str, by: str = "Jane") -> str:
        person = ("-c", f"user.name={by}", "-c", f"user.email={by.lower()}@example.com")
        done = subprocess.run(["git", *person, *arguments], capture_output=True, text=True, check=True)
        return done.stdout.rstrip("\n")

    def commit(self, *, by: str = "Jane") -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change", by=by)

    def bump(self, tag: str, *, lock: bool = True, by: str = "fluxbot") -> None:
        """Push a tag to the registry, and follow it in lock and fields."""
        self.sandbox.registry.push(tag)
        if lock:
            assert self.sandbox.run("lock").status == 0
        assert self.sandbox.run("update").status == 0
        self.commit(by=by)


@pytest.fixture
def checkout(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    require_tool("git")
    with open_sandbox(tmp_path, capsys, monkeypatch) as sandbox:
        yield Checkout(sandbox)
