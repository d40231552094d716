"""Flux repositories in a few lines, and the real command run in one."""

from __future__ import annotations

from collections.abc import Callable

Run = Callable[..., str]


def repository(image: str = "registry.example.com/web", name: str = "web") -> str:
    return (
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\n"
        f"metadata: {{name: {name}, namespace: flux-system}}\nspec: {{image: {image}, interval: 5m}}\n"
    )


def policy(tag: str, *, rule: str = "semver: {range: 1.x}", name: str = "web", namespace: str = "flux-system") -> str:
    where = f", namespace: {namespace}" if namespace else ""
    choice = f", policy: {{{rule}}}" if rule else ""
    return (
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\n"
        f"metadata: {{name: {name}{where}}}\nspec: {{imageRepositoryRef: {{name: web}}{choice}}}\n"
        f'status: {{latestRef: {{name: registry.example.com/web, tag: "{tag}"}}}}\n'
    )


def policies(tag: str, **options: str) -> str:
    """A policy whose range is its tag, so that no two are equal."""
    return f"{repository()}---\n{policy(tag, **{'rule': f'semver: {{range: {tag}}}', **options})}"


def field(marker: str = "flux-system:web") -> str:
    return f'image: registry.example.com/web:1.0.0 # {{"$imagepolicy": "{marker}"}}\n'


def kustomization(*lines: str) -> str:
    return "\n".join(["apiVersion: kustomize.config.k8s.io/v1beta1", "kind: Kustomization", *lines, ""])


def deployed(path: str, *lines: str) -> str:
    more = "".join(f"  {line}\n" for line in lines)
    return (
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
        f"metadata: {{name: apps, namespace: flux-system}}\nspec:\n  path: {path}\n"
        f"  sourceRef: {{kind: GitRepository, name: flux-system}}\n{more}"
    )


def automation(path: str) -> str:
    """An ImageUpdateAutomation that updates a path."""
    return (
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageUpdateAutomation\n"
        "metadata: {name: auto, namespace: flux-system}\nspec:\n  interval: 5m\n  sourceRef: {name: flux-system}\n"
        "  git: {commit: {author: {email: a@example.com}}, push: {branch: main}}\n"
        f"  update: {{path: {path}}}\n"
    )
