"""imagesetter among the validators of a kpt package: it fails where a field is not up to date, and edits nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import require_tool

IMAGE = "registry.example.com/web"
KPTFILE = """\
apiVersion: kpt.dev/v1
kind: Kptfile
metadata:
  name: web
pipeline:
  validators:
    - exec: imagesetter
      configMap:
        check: "true"
        from: status
"""
POLICIES = f"""\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata:
  name: web
  annotations: {{config.kubernetes.io/local-config: "true"}}
spec:
  image: {IMAGE}
  interval: 1m
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata:
  name: web
  annotations: {{config.kubernetes.io/local-config: "true"}}
spec:
  imageRepositoryRef: {{name: web}}
  policy: {{semver: {{range: 6.x}}}}
status:
  latestRef: {{name: {IMAGE}, tag: 6.99.0}}
"""
DEPLOYMENT = f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
        - name: web
          image: {IMAGE}:6.0.0 # {{"$imagepolicy": "flux-system:web"}}
"""


@pytest.mark.parametrize(
    ("tag", "status", "told"),
    [
        ("6.0.0", 1, f"not up to date: flux-system:web selects {IMAGE}:6.99.0, and the field has {IMAGE}:6.0.0"),
        ("6.99.0", 0, "0 fields would change, 1 up to date"),
    ],
    ids=["a field that is behind", "all is well"],
)
def test_kpt_is_told_whether_the_package_is_up_to_date(tag: str, status: int, told: str, tmp_path: Path) -> None:
    text = DEPLOYMENT.replace("6.0.0", tag)
    for name, content in {"Kptfile": KPTFILE, "policies.yaml": POLICIES, "web.yaml": text}.items():
        (tmp_path / name).write_text(content)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [require_tool("kpt"), "fn", "render", "--allow-exec", "--truncate-output=false", str(tmp_path)],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done
    assert told in done.stderr + done.stdout
    assert (tmp_path / "web.yaml").read_text() == text
