"""The shapes that lists have in the world, each of them the same bytes every time.

A reader in Python pays for each scalar and each comment, one that is compiled hardly does. So the ratio to a compiled
program depends on what a list is made of, and the page measures each of these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.inputs import OLD, as_list, deployment, image, marker, policy


def _policies(count: int) -> list[str]:
    return [one for number in range(count) for one in policy(number).split("---\n")]


def plain(size: int) -> str:
    """Deployments in block style, with few comments: what this page measured first."""
    return as_list([*_policies(20), *(deployment(number, 20) for number in range(size))])


def commented(size: int) -> str:
    """A comment behind each value, and a block of comments above each container."""
    documents = [_with_comments(deployment(number, 20)) for number in range(size)]
    return as_list([*_policies(20), *documents])


def _with_comments(text: str) -> str:
    lines = []
    for number, line in enumerate(text.splitlines()):
        if line.lstrip().startswith("- name:"):
            indent = " " * (len(line) - len(line.lstrip()))
            lines += [f"{indent}# {words}" for words in ("Why this stands here:", "see the runbook,", "section 4.")]
        has_value = not line.endswith(":") and "#" not in line
        lines.append(f"{line} # reason {number}" if has_value else line)
    return "\n".join(lines) + "\n"


def flow(size: int) -> str:
    """Flow mappings and sequences, and quoted scalars, as Helm's charts and JSON's friends write them."""
    return as_list([*_policies(20), *(_flow(number) for number in range(size))])


def _flow(number: int) -> str:
    name, which = f"web-{number:05}", number % 20
    labels = f'{{"app.kubernetes.io/name": "{name}", "app.kubernetes.io/part-of": "shop", "tier": "front"}}'
    return f"""\
apiVersion: "apps/v1"
kind: "Deployment"
metadata: {{name: "{name}", namespace: "team-{number % 17:02}", labels: {labels}}}
spec:
  replicas: 2
  selector: {{matchLabels: {{"app.kubernetes.io/name": "{name}"}}}}
  template:
    metadata: {{labels: {labels}}}
    spec:
      securityContext: {{runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000}}
      containers:
        - name: "web"
          image: "{image(which)}:{OLD}" {marker(which)}
          args: ["--listen=:8080", "--log-level=info", "--region=eu-west-{number % 3}"]
          ports: [{{name: "http", containerPort: 8080}}, {{name: "metrics", containerPort: 9090}}]
          env: [{{name: "GREETING", value: "hello: world"}}, {{name: "MODE", value: "fast"}}]
          resources: {{requests: {{cpu: "100m", memory: "64Mi"}}, limits: {{memory: "256Mi"}}}}
          readinessProbe: {{httpGet: {{path: "/ready", port: "http"}}}}
      volumes: [{{name: "config", configMap: {{name: "{name}"}}}}]
"""


def scripts(size: int) -> str:
    """Each second resource is a ConfigMap with a script of sixty lines and a file of settings."""
    documents = [deployment(number, 20) if number % 2 else _script(number) for number in range(size)]
    return as_list([*_policies(20), *documents])


def _script(number: int) -> str:
    script = "".join(f'    echo "step {step}: {{x}} # not a comment" >&2\n' for step in range(60))
    settings = "".join(f"    setting.{row} = value {row}\n" for row in range(20))
    return f"""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: scripts-{number:05}
  namespace: team-{number % 17:02}
data:
  run.sh: |
    #!/bin/sh
{script}  settings.properties: |
{settings}"""


def definitions(size: int) -> str:
    """One resource in ten is a CustomResourceDefinition with a deep schema of about five hundred lines."""
    documents = [deployment(number, 20) if number % 10 else _definition(number) for number in range(size)]
    return as_list([*_policies(20), *documents])


def _definition(number: int) -> str:
    fields = "".join(_schema_field(field) for field in range(40))
    return f"""\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: things{number}.example.com
spec:
  group: example.com
  names:
    kind: Thing{number}
    plural: things{number}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
{fields}"""


def _schema_field(number: int) -> str:
    pad = " " * 14
    return f"""\
{pad}field{number}:
{pad}  description: >-
{pad}    What the field is for, in a sentence that runs
{pad}    over two lines.
{pad}  type: object
{pad}  properties:
{pad}    name:
{pad}      type: string
{pad}      pattern: ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$
{pad}    weights:
{pad}      type: array
{pad}      items:
{pad}        type: integer
"""


def printed(size: int) -> str:
    """As kpt prints a package: its annotations on each item, its comments on each name."""
    documents = []
    for number in range(size):
        lines = deployment(number, 20).splitlines()
        name = f"  name: web-{number:05}"
        lines[lines.index(name)] = f"{name} # kpt-merge: team-{number % 17:02}/web-{number:05}"
        place = lines.index("  labels:")
        identity = f"'apps|Deployment|team-{number % 17:02}|web-{number:05}'"
        lines[place:place] = [
            f"    internal.kpt.dev/upstream-identifier: {identity}",
            "    internal.config.kubernetes.io/id: '1'",
        ]
        documents.append("\n".join(lines) + "\n")
    return as_list([*_policies(20), *documents])


def with_policies(size: int) -> str:
    """A policy and a repository for each Deployment among the items, as in one file per team."""
    documents: list[str] = []
    for number in range(size):
        documents += [*policy(number).split("---\n"), deployment(number, size)]
    return as_list(documents)


SHAPES: Mapping[str, Callable[[int], str]] = {
    "plain": plain,
    "comments": commented,
    "flow style": flow,
    "scripts": scripts,
    "CRDs": definitions,
    "printed by kpt": printed,
    "policies": with_policies,
}
"""The name of each shape on the page, and what makes a list of as many resources."""
