"""The inputs of the measurements, the same bytes every time: ResourceLists, and trees of the shape of real ones."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

SEED = 20260101
NAMESPACE = "flux-system"
HEADER = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
OLD, NEW = "1.2.3", "1.4.0"
"""The tag that fields have before the run, and the one that every policy resolves to."""


def image(number: int) -> str:
    """The repository of a policy."""
    return f"registry.example.com/team-{number % 17:02}/service-{number:04}"


def policy(number: int) -> str:
    """An ImageRepository and an ImagePolicy, with the answer of a cluster in its status."""
    name = f"service-{number:04}"
    return f"""\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata:
  name: {name}
  namespace: {NAMESPACE}
spec:
  image: {image(number)}
  interval: 5m
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata:
  name: {name}
  namespace: {NAMESPACE}
spec:
  imageRepositoryRef:
    name: {name}
  policy:
    semver:
      range: ">=1.0.0 <2.0.0"
status:
  latestRef:
    name: {image(number)}
    tag: {NEW}
"""


def marker(number: int) -> str:
    """The comment that ties a field to a policy."""
    return f'# {{"$imagepolicy": "{NAMESPACE}:service-{number:04}"}}'


def lock(numbers: Iterable[int], policies: bytes = b"") -> str:
    """A lock of these policies; with the policies' text it holds what was asked, as a real one does."""
    from imagesetter.config.options import FunctionOptions
    from imagesetter.flux.markers import PolicyName
    from imagesetter.lock.document import LockEntry
    from imagesetter.lock.render import render_lock
    from imagesetter.update.resource_list import catalog_from_items
    from krm_functions.resource_list import ResourceList

    text = as_list(policies.decode().split("---\n")) if policies else HEADER + "items: []\n"
    catalog, _ = catalog_from_items(ResourceList.parse(text.encode()), FunctionOptions())
    entries = {}
    for number in numbers:
        name = PolicyName(NAMESPACE, f"service-{number:04}")
        inputs = catalog.inputs(name) if policies else f"sha256:{number:064x}"
        entries[name] = LockEntry(
            policy=name,
            image=image(number),
            tag=NEW,
            digest=f"sha256:{number:064x}",
            reflection="Never",
            inputs=inputs,
            candidates=100,
            changed="2026-01-01T00:00:00Z",
        )
    return render_lock("", entries)


def as_list(documents: Iterable[str]) -> str:
    """A ResourceList of these resources."""
    return HEADER + "items:\n" + "".join(as_item(document) for document in documents)


def as_item(document: str) -> str:
    """A resource as an entry of ``items``."""
    lines = [line for line in document.splitlines() if line]
    first = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    shifted = ["# " + line.lstrip("# ") for line in lines[:first]]
    return "\n".join([*shifted, "- " + lines[first], *(f"  {line}" for line in lines[first + 1 :])]) + "\n"


def deployment(number: int, policies: int, *, marked: bool = True) -> str:
    """A Deployment of about sixty lines with two containers, in the style that kpt writes, with comments in places."""
    first, second = number % policies, (number * 7 + 3) % policies
    marks = [f" {marker(one)}" if marked else "" for one in (first, second)]
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web-{number:05}
  namespace: team-{number % 17:02}
  annotations:
    config.kubernetes.io/index: '0'
    config.kubernetes.io/path: 'apps/web-{number:05}.yaml'
    internal.config.kubernetes.io/index: '0'
    internal.config.kubernetes.io/path: 'apps/web-{number:05}.yaml'
  labels:
    app.kubernetes.io/name: web-{number:05}
    app.kubernetes.io/part-of: shop
spec:
  replicas: {number % 5 + 1} # scaled by hand, see the runbook
  selector:
    matchLabels:
      app.kubernetes.io/name: web-{number:05}
  template:
    metadata:
      labels:
        app.kubernetes.io/name: web-{number:05}
        app.kubernetes.io/part-of: shop
    spec:
      serviceAccountName: web
      securityContext:
        runAsNonRoot: true
      containers:
      # the service itself
      - name: web
        image: {image(first)}:{OLD}{marks[0]}
        args:
        - --listen=:8080
        - --log-level=info
        ports:
        - name: http
          containerPort: 8080
        env:
        - name: GREETING
          value: "hello: world"
        - name: REGION
          value: eu-west-{number % 3}
        resources:
          requests:
            cpu: 100m # measured
            memory: 64Mi
          limits:
            memory: 256Mi
        readinessProbe:
          httpGet:
            path: /ready
            port: http
      - name: proxy
        image: {image(second)}:{OLD}{marks[1]}
        resources:
          requests:
            cpu: 20m
            memory: 32Mi
      volumes:
      - name: config
        configMap:
          name: web-{number:05}
"""


def resource_list(deployments: int, policies: int = 20, *, marked: bool = True, locked: bool = False) -> str:
    """A ResourceList of Deployments with two markers each, and their policies, or the lock alone.

    Args:
        deployments: how many.
        policies: how many policies the markers name in turn; none stand in the list where nothing is marked.
        marked: whether fields are marked.
        locked: the list holds the lock of the policies, instead of policies with the answer in their status.
    """
    documents: list[str] = []
    if marked and locked:
        documents.append(lock(range(policies)))
    elif marked:
        documents += [one for number in range(policies) for one in policy(number).split("---\n")]
    documents += [deployment(number, policies, marked=marked) for number in range(deployments)]
    return as_list(documents)


# --- trees


def write_images(path: Path, count: int) -> Path:
    """The answers of as many policies, for the Go program that is told them."""
    lines = (f"{NAMESPACE}:service-{number:04} {image(number)}:{NEW}" for number in range(count))
    path.write_text("\n".join(lines) + "\n")
    return path


def write_tree(folder: Path, *, files: int, marked: int, markers: int, policies: int, size: int) -> None:
    """A repository: ``files`` YAML files of ``size`` bytes in all, some marked, one file a policy, and the lock.

    Sizes differ as they do in real repositories: many small files, a few large ones (custom resource definitions).

    Args:
        folder: to be made.
        files: how many, those of the policies included.
        marked: how many of them hold markers.
        markers: how many markers these hold in all.
        policies: how many policies.
        size: bytes in all, roughly.
    """
    rng = random.Random(SEED)
    folder.mkdir(parents=True)
    texts = [policy(number) for number in range(policies)]
    for number, text in enumerate(texts):
        _write(folder / f"policies/service-{number:04}.yaml", text)
    left = size - sum(map(len, texts))
    for number in range(marked):
        count = markers // marked + (number < markers % marked)
        text = _values(number, count, policies)
        _write(folder / f"apps/team-{number % 17:02}/service-{number:05}/values.yaml", text)
        left -= len(text)
    plain = files - policies - marked
    weights = [rng.paretovariate(1.3) for _ in range(plain)]
    scale = max(0.0, left / sum(weights))
    for number, weight in enumerate(weights):
        text = "".join(_rules(number, max(300, int(min(weight * scale, 300_000)))))
        _write(folder / f"base/part-{number % 40:02}/resource-{number:05}.yaml", text)
    asked = "---\n".join(texts).encode()
    (folder / "images.lock.yaml").write_text(lock(range(policies), asked))


def write_clusters(folder: Path, clusters: int) -> None:
    """A repository of clusters: a folder each, of a hundred Deployments with two markers, and one lock for all."""
    texts = [policy(number) for number in range(200)]
    for number, text in enumerate(texts):
        _write(folder / f"policies/service-{number:04}.yaml", text)
    for number in range(clusters * 100):
        path = folder / f"clusters/cluster-{number // 100:03}/web-{number % 100:02}.yaml"
        _write(path, deployment(number, len(texts)))
    (folder / "images.lock.yaml").write_text(lock(range(len(texts)), "---\n".join(texts).encode()))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _values(number: int, count: int, policies: int) -> str:
    """A HelmRelease whose values hold ``count`` markers."""
    lines = [
        "apiVersion: helm.toolkit.fluxcd.io/v2",
        "kind: HelmRelease",
        "metadata:",
        f"  name: service-{number:05}",
        f"  namespace: team-{number % 17:02}",
        "spec:",
        "  releaseName: service",
        "  chart:",
        "    spec:",
        "      chart: ./stable/service",
        "  values:",
    ]
    for container in range(count):
        which = (number * 3 + container) % policies
        lines += [
            f"    part{container}:",
            "      replicas: 2 # two are enough",
            f"      image: {image(which)}:{OLD} {marker(which)}",
            "      ingressHost: service.example.com",
            "      environment:",
            "        LOG_LEVEL: info",
            '        FEATURES: "a,b,c"',
        ]
    return "\n".join(lines) + "\n"


def _rules(number: int, size: int) -> Iterator[str]:
    """A resource of about that many bytes."""
    head = f"apiVersion: example.com/v1\nkind: Setting\nmetadata:\n  name: resource-{number:05}\nspec:\n  rules:\n"
    yield head
    made = len(head)
    row = 0
    while made < size:
        text = (
            f"  - name: rule-{row}\n    # why it is here\n    description: a sentence about rule {row}\n"
            f"    port: {8000 + row % 1000}\n    enabled: true\n    hosts: [a.example.com, b.example.com]\n"
        )
        yield text
        made += len(text)
        row += 1


# --- a fleet


def service_file(folder: Path, number: int) -> Path:
    """Where the field of a service of a fleet is."""
    return folder / f"apps/team-{number % 17:02}/service-{number:04}.yaml"


def write_service(folder: Path, number: int, repository: str, old: str, new: str, choice: Mapping[str, Any]) -> None:
    """A service of a fleet: a file of its two policy resources, and one of a Deployment with its field.

    Args:
        folder: of the fleet.
        number: which service.
        repository: what is deployed.
        old: the tag that the field has now.
        new: the tag that the policy's status says.
        choice: ``policy`` and maybe ``filterTags`` of the ImagePolicy.
    """
    name = f"service-{number:04}"
    resources = policy(number).partition("  policy:")[0].replace(image(number), repository)
    status = {"status": {"latestRef": {"name": repository, "tag": new}}}
    text = resources + "\n".join([*_block(choice, "  "), *_block(status, "")]) + "\n"
    _write(folder / f"policies/{name}.yaml", text)
    text = f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: team-{number % 17:02}
spec:
  template:
    spec:
      containers:
      # the service itself
      - name: service
        image: {repository}:{old} {marker(number)}
        args: ["--listen=:8080"]
        resources:
          requests:
            cpu: 100m # measured
            memory: 64Mi
"""
    _write(service_file(folder, number), text)


def _block(fields: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in fields.items():
        if isinstance(value, str):
            quoted = value.replace("'", "''")
            yield f"{indent}{key}: '{quoted}'"
        else:
            yield f"{indent}{key}:"
            yield from _block(value, indent + "  ")
