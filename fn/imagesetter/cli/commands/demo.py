"""``imagesetter demo``: all features on an embedded loopback registry, in a temporary Git repository."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import click

from imagesetter.cli.demo_registry import loopback_registry
from imagesetter.cli.exit_status import FAILED, OK
from imagesetter.cli.help_page import GroupedCommand
from imagesetter.cli.terminal import echo, styled

TAGS = ("1.0.0", "1.0.1", "1.0.10", "1.0.9", "1.1.0", "latest")

POLICIES = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata:
  name: my-app
  namespace: flux-system
  annotations:
    config.kubernetes.io/local-config: "true"
spec:
  image: {registry}/my-app
  interval: 5m
  insecure: true # the demo's registry speaks plain HTTP
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata:
  name: my-app
  namespace: flux-system
  annotations:
    config.kubernetes.io/local-config: "true"
spec:
  imageRepositoryRef:
    name: my-app
  policy:
    semver:
      range: 1.0.x # patch releases only
"""

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: my-app
  namespace: default
spec:
  selector:
    matchLabels: {{app: my-app}} # formatting stays as you like it
  template:
    metadata:
      labels: {{app: my-app}}
    spec:
      containers:
        - name: my-app
          image: {registry}/my-app:1.0.0 # {{"$imagepolicy": "flux-system:my-app"}}
"""

KPTFILE = """\
apiVersion: kpt.dev/v1
kind: Kptfile
metadata:
  name: demo
  annotations:
    config.kubernetes.io/local-config: "true"
pipeline:
  mutators:
    - exec: imagesetter
"""

KUSTOMIZATION = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [policies.yaml, deployment.yaml]
transformers:
  - |-
    apiVersion: imagesetter.dev/v1alpha1
    kind: ImageSetter
    metadata:
      name: images
      annotations:
        config.kubernetes.io/function: |
          exec: {path: imagesetter}
    spec:
      targets:
        - select: {kind: Deployment, name: my-app}
          fieldPaths: ["spec.template.spec.containers[name=my-app].image"]
          policy: flux-system:my-app
"""


@dataclass(frozen=True, slots=True)
class DemoDirectory:
    """A temporary directory with the demo's files, and the environment in which `imagesetter` is on PATH."""

    root: Path
    registry: str
    environment: dict[str, str]

    def package(self, name: str, **files: str) -> Path:
        """A directory with policies, a deployment, and the given files."""
        directory = self.root / name
        directory.mkdir()
        (directory / "policies.yaml").write_text(POLICIES.format(registry=self.registry))
        (directory / "deployment.yaml").write_text(DEPLOYMENT.format(registry=self.registry))
        for file, text in files.items():
            (directory / file.replace("_", ".", 1)).write_text(text)
        return directory

    def run(self, directory: Path, *command: str, keep: str = "") -> bool:
        """Show and run a command; True when it succeeded.

        Args:
            directory: where to run it.
            command: program and arguments.
            keep: show only lines with this text; empty shows all.
        """
        echo()
        echo(styled("$ " + " ".join(command), sys.stdout, bold=True))
        done = subprocess.run(
            command, cwd=directory, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for line in done.stdout.splitlines():
            if keep in line:
                echo(f"  {_coloured(line)}")
        return done.returncode == 0


def _coloured(line: str) -> str:
    if line.startswith("+") and not line.startswith("+++"):
        return styled(line, sys.stdout, fg="green")
    if line.startswith("-") and not line.startswith("---"):
        return styled(line, sys.stdout, fg="red")
    return line


@click.command("demo", cls=GroupedCommand)
@click.option(
    "--serve",
    metavar="PORT",
    type=click.IntRange(0, 65535),
    help="Only run the example registry on 127.0.0.1:PORT.",
)
def command(serve: int | None) -> int:
    """See imagesetter work in a few seconds, with an example registry.

    It needs nothing but imagesetter, and changes none of your files. It uses git, kpt and kustomize if they are on
    PATH.
    """
    if serve is not None:
        return _serve(serve)
    scripts = sysconfig.get_path("scripts")
    environment = {
        **os.environ,
        "PATH": f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}",
        "IMAGESETTER_COLOR": "never",
        "IMAGESETTER_ALLOW_LOOPBACK": "true",
    }
    with (
        tempfile.TemporaryDirectory(prefix="imagesetter-demo-") as directory,
        loopback_registry({"my-app": TAGS}) as registry,
    ):
        environment["IMAGESETTER_CACHE_DIR"] = str(Path(directory, "cache"))
        demo = DemoDirectory(Path(directory), registry, environment)
        _heading(f"A registry on {registry} has the image my-app with the tags {', '.join(TAGS)}.")
        _heading("A Flux repository wants patch releases (range 1.0.x), and its Deployment still runs 1.0.0:")
        ok = [_in_files(demo), _with_kpt(demo), _with_kustomize(demo)]
    if all(ok):
        _heading("Done. Next: run `imagesetter update --diff` in your own repository.")
        return OK
    _heading("A step failed; its output is above.")
    return FAILED


def _serve(port: int) -> int:
    with loopback_registry({"my-app": TAGS}, port=port) as registry:
        echo(f"{registry} serves my-app with the tags {', '.join(TAGS)}; stop with Ctrl-C", err=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
    return OK


def _heading(text: str) -> None:
    echo()
    echo(styled(text, sys.stdout, fg="cyan"))


def _in_files(demo: DemoDirectory) -> bool:
    package = demo.package("flux-repository")
    for line in (package / "deployment.yaml").read_text().splitlines()[-2:]:
        echo(f"  {line}")
    if shutil.which("git"):
        identity = ("-c", "user.name=demo", "-c", "user.email=demo@example.com")
        for arguments in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "Before")):
            subprocess.run(("git", *arguments), cwd=package, env=demo.environment, check=True)
    _heading("1. On files (the pre-commit hook does the same):")
    ok = demo.run(package, "imagesetter", "update", "--diff")
    _heading("   Again: nothing left to change.")
    ok = demo.run(package, "imagesetter", "update", "--check") and ok
    if shutil.which("git"):
        ok = demo.run(package, "git", "diff", "--stat") and ok
    return ok


def _with_kpt(demo: DemoDirectory) -> bool:
    if not shutil.which("kpt"):
        _heading("2. As a kpt function: kpt is not on PATH, so this step is skipped.")
        return True
    _heading("2. As a kpt function, written back into the package:")
    package = demo.package("kpt-package", Kptfile=KPTFILE)
    ok = demo.run(package, "kpt", "fn", "render", "--allow-exec")
    return demo.run(package, "grep", "-n", "image:", "deployment.yaml") and ok


def _with_kustomize(demo: DemoDirectory) -> bool:
    if not shutil.which("kustomize", path=demo.environment["PATH"]):
        _heading("3. In kustomize build: kustomize is not on PATH, so this step is skipped.")
        return True
    _heading("3. In kustomize build, which renders and never edits sources:")
    package = demo.package("kustomize-build", kustomization_yaml=KUSTOMIZATION)
    return demo.run(package, "kustomize", "build", "--enable-alpha-plugins", "--enable-exec", keep="image: ")
