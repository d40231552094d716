"""Read and validate ImageUpdateAutomations: what to check out, which policies to follow, where to push.

Departures from Flux (image-automation-controller internal/source/git.go):

- Without any ref, the remote's default branch is used (Flux: ``master``), or, without a GitRepository in the files, the
  current branch of the checkout.
- ``push.refspec`` must push what the branch gets: its source is the push branch or HEAD.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagesetter.files.find import display_path
from imagesetter.flux.automations import GitReference, ImageUpdateAutomationSpec, SigningKey
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.models import validate_spec
from imagesetter.flux.resources import Resource, check_variables, check_version
from imagesetter.git.command import redacted
from imagesetter.golang.duration import parse_duration
from imagesetter.registry.auth.kubernetes_secrets import describe, is_encrypted
from krm_functions.errors import ReportedError, ResourceError, UsageError
from krm_functions.label_selector import LabelSelector

NO_PUSH = "push spec not provided, and cannot be inferred from .spec.git.checkout.ref or GitRepository .spec.ref"
_URL = re.compile(r"(?:https?|ssh|file)://[^\s\x00-\x1f\x7f\ud800-\udfff]+")
_NO_TEXT = re.compile(r"[\0\ud800-\udfff]")
At = Callable[[PolicyName, str], PolicyName]


@dataclass(frozen=True, slots=True)
class CheckoutRef:
    """What to check out; the first one that is set is used: commit, name, semver, tag, branch (Flux's order)."""

    commit: str = ""
    name: str = ""
    semver: str = ""
    tag: str = ""
    branch: str = ""

    def __bool__(self) -> bool:
        return bool(self.shown)

    @property
    def shown(self) -> str:
        """The ref that is used, as it is written."""
        return self.commit or self.name or self.semver or self.tag or self.branch


@dataclass(frozen=True, slots=True)
class Automation:
    """One ImageUpdateAutomation, ready to run.

    ``source`` names the GitRepository. ``url`` is empty if that is not in the files; then the current checkout and its
    remote are used. ``push_branch`` is empty if it is the branch that is checked out. ``interval``,
    ``policy_change_delay`` and ``timeout`` are seconds.
    """

    name: PolicyName
    origin: str
    source: PolicyName
    interval: float
    suspended: bool
    url: str
    ref: CheckoutRef
    push_branch: str
    refspec: str
    push_options: tuple[tuple[str, str], ...]
    author_name: str
    author_email: str
    template: str
    values: Mapping[str, str] | None
    path: str
    selector: LabelSelector
    timeout: float | None = None
    policy_change_delay: float = 0.0
    signing_key: SigningKey | None = None
    signing_secret: Mapping[str, Any] | None = None
    app_secret: Mapping[str, Any] | None = field(default=None, repr=False)
    """The Secret of a GitHub App, for a GitRepository with ``provider: github``; None if it is encrypted."""
    note: str = ""
    """What a user should know of how it logs in; empty for nothing."""
    provider: str = "generic"
    """How its GitRepository logs in."""
    folder: str = ""
    """The folder that it is defined in: of several policies of one name, those of its own cluster count."""

    def policies(self, catalog: Catalog, at: At = lambda name, folder: name) -> frozenset[PolicyName]:
        """The policies that it follows: of its own namespace only, by label (imageupdateautomation_controller.go).

        Args:
            catalog: the policies.
            at: finds out what a policy's name means in a folder (`imagesetter.update.nearby.Nearby.at`).
        """
        names = {name for name, _ in catalog.of_kind("ImagePolicy") if name.namespace == self.name.namespace}
        followed = []
        for name in names:
            placed = at(name, self.folder)
            try:
                policies = [found] if (found := catalog.find("ImagePolicy", *placed)) else []
            except ReportedError:
                policies = catalog.named("ImagePolicy", name)  # whoever asks for its answer gets the error
            if any(self._selects(policy) for policy in policies):
                followed.append(placed)
        return frozenset(followed)

    def _selects(self, policy: Resource) -> bool:
        return self.selector.matches(labels_of(policy))


def labels_of(found: Resource) -> dict[str, str]:
    """The labels of a resource."""
    labels = found.metadata.get("labels")
    return {str(key): str(value) for key, value in labels.items()} if isinstance(labels, Mapping) else {}


def automation_names(catalog: Catalog, only: Iterable[PolicyName] = (), *, given: bool = False) -> list[PolicyName]:
    """The automations to run, sorted; of several by one name each with its folder.

    Args:
        catalog: the resources.
        only: the names of those that are requested; empty for all.
        given: leave out those that are not under the paths of the run.

    Raises:
        UsageError: there is none, or a requested one is missing.
    """
    every = catalog.of_kind("ImageUpdateAutomation")
    found = [(name, each) for name, each in every if not given or catalog.is_given(each)]
    plain = sorted({name for name, _ in found}, key=lambda each: each.order)
    wanted = list(only)
    if missing := [name for name in wanted if name not in plain]:
        known = ", ".join(map(str, plain)) or "none"
        raise UsageError(f"unknown ImageUpdateAutomation {missing[0]}", hint=f"known: {known}")
    if not plain:
        hint = "name the files that hold them, as PATH or with --policies"
        if catalog.unread:
            hint = f"it may be in a document that does not parse: {catalog.unread[0]}"
        raise UsageError("no ImageUpdateAutomation was found", hint=hint)
    folders = {each.folders[0] for _, each in found if each.folders}
    names: list[PolicyName] = []
    for name in plain:
        several = [each for each in catalog.definitions(name, "ImageUpdateAutomation") if each.folder in folders]
        names += several if len(several) > 1 else [name]
    return [name for name in names if not wanted or name.plain in wanted]


def read_automation(catalog: Catalog, name: PolicyName, *, here: bool = False) -> Automation:
    """One automation, validated.

    Args:
        catalog: the resources.
        name: the automation's.
        here: use the current checkout even if the files contain the GitRepository.

    Raises:
        ResourceError: a field breaks the CRD's rules.
        ResolveError: it is defined twice, with different specs.
    """
    found = catalog.find("ImageUpdateAutomation", *name)
    if found is None:
        raise ResourceError(f"unknown ImageUpdateAutomation {name}", hint="add the file that contains it")
    where = f"ImageUpdateAutomation {name} in {found.origin}"
    check_version(found, f"ImageUpdateAutomation {name}")
    cluster = f" of {display_path(Path(name.folder))}" if name.folder else ""
    check_variables(found, f"ImageUpdateAutomation {name}{cluster}")
    folder = name.folder or (found.folders[0] if found.folders else "")
    spec: ImageUpdateAutomationSpec = validate_spec(ImageUpdateAutomationSpec, found.data.get("spec"), where=where)
    if spec.git is None:
        hint = "add spec.git with commit.author.email, and perhaps push.branch"
        raise ResourceError("source kind 'GitRepository' necessitates field .spec.git", where=where, hint=hint)
    referred = PolicyName(spec.source_ref.namespace or name.namespace, spec.source_ref.name)
    repository = catalog.find("GitRepository", referred.namespace, referred.name, folder)
    if repository:
        check_variables(repository, f"GitRepository {referred}")
    source = repository.spec if repository else {}
    if spec.git.checkout:
        reference: GitReference | None = spec.git.checkout.ref
    elif isinstance(source.get("ref"), Mapping):
        reference = validate_spec(
            GitReference, source["ref"], where=f"{repository.origin} spec.ref" if repository else ""
        )
    else:
        reference = None
    push = spec.git.push
    commit = spec.git.commit
    key = commit.signing_key
    secret = catalog.find("Secret", name.namespace, key.secret_ref.name, folder) if key else None
    app_secret = None if here else _app_secret(catalog, repository, referred.namespace, folder)
    sealed = app_secret is not None and is_encrypted(app_secret)
    made = Automation(
        name=name,
        origin=found.origin,
        source=referred,
        interval=parse_duration(spec.interval),
        suspended=spec.suspend,
        url="" if here else _url(repository),
        ref=_ref(reference),
        push_branch=(push.branch if push else "") or "",
        refspec=(push.refspec if push else "") or "",
        push_options=tuple(sorted((push.options if push else {}).items())),
        author_name=commit.author.name,
        author_email=commit.author.email,
        template=commit.message_template,
        values=commit.message_template_values or None,
        path=spec.update.path,
        selector=_selector(found, where),
        timeout=_timeout(repository),
        policy_change_delay=parse_duration(spec.policy_change_delay or "0s"),
        signing_key=key,
        signing_secret=secret.data if secret else None,
        app_secret=None if sealed else app_secret,
        note=f"{describe(app_secret)} is encrypted; git's own credentials are used" if app_secret and sealed else "",
        provider=str(source.get("provider") or "generic"),
        folder=folder,
    )
    _check_texts(made, where)
    return made


def _check_texts(made: Automation, where: str) -> None:
    """Refuse fields with characters that git does not accept.

    Raises:
        ResourceError: a field contains a NUL or half of a surrogate pair.
    """
    fields = {
        "spec.git.commit.author.name": made.author_name,
        "spec.git.commit.author.email": made.author_email,
        "spec.git.commit.messageTemplate": made.template,
        **{
            f"spec.git.commit.messageTemplateValues.{key}": f"{key}{value}"
            for key, value in (made.values or {}).items()
        },
        "spec.git.push.branch": made.push_branch,
        "spec.git.push.refspec": made.refspec,
        **{f"spec.git.push.options.{key}": f"{key}{value}" for key, value in made.push_options},
        **{f"ref.{name}": getattr(made.ref, name) for name in ("commit", "name", "semver", "tag", "branch")},
        "spec.update.path": made.path,
    }
    for path, text in fields.items():
        if bad := _NO_TEXT.search(text):
            what = f"{ascii(path)[1:-1]} contains the character U+{ord(bad[0]):04X}"
            raise ResourceError(what, where=where, hint="remove it: git does not accept it")


def _app_secret(catalog: Catalog, repository: Resource | None, namespace: str, folder: str) -> Mapping[str, Any] | None:
    """The Secret of a GitRepository that logs in as a GitHub App, if the files hold it."""
    if repository is None or repository.spec.get("provider") != "github":
        return None
    reference = repository.spec.get("secretRef")
    name = str(reference.get("name") or "") if isinstance(reference, Mapping) else ""
    found = catalog.find("Secret", namespace, name, folder) if name else None
    return found.data if found else None


def _url(repository: Resource | None) -> str:
    if repository is None:
        return ""
    url = str(repository.spec.get("url") or "")
    if not _URL.fullmatch(url):
        raise ResourceError(
            f"spec.url: {redacted(url)!r} is not a valid URL of a GitRepository",
            where=repository.origin,
            hint="write https://…, ssh://…, http://… or file:///…, or use --here",
        )
    return url


def _timeout(repository: Resource | None) -> float | None:
    text = repository.spec.get("timeout") if repository else None
    if text is None:
        return None
    try:
        return parse_duration(str(text))
    except ValueError as error:
        raise ResourceError(f"spec.timeout: {error}", where=repository.origin if repository else "") from error


def _ref(reference: GitReference | None) -> CheckoutRef:
    if reference is None:
        return CheckoutRef()
    return CheckoutRef(
        reference.commit or "",
        reference.name or "",
        reference.semver or "",
        reference.tag or "",
        reference.branch or "",
    )


def _selector(found: Resource, where: str) -> LabelSelector:
    selector = found.spec.get("policySelector")
    if not isinstance(selector, Mapping):
        return LabelSelector()
    try:
        return LabelSelector.from_dict(selector, where="spec.policySelector")
    except ReportedError as error:
        raise ResourceError(f"{error.where or 'spec.policySelector'}: {error}", where=where) from error
