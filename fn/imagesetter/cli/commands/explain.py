"""``imagesetter explain``: why a policy gives this tag and not another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click

from imagesetter.cli import clock
from imagesetter.cli.completion import files
from imagesetter.cli.completion import policies as complete_policies
from imagesetter.cli.exit_status import FAILED, OK
from imagesetter.cli.help_page import GroupedCommand
from imagesetter.cli.ledger_file import with_ledger
from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.options import (
    Output,
    ledger_option,
    network_options,
    output_option,
    policy_name,
    read_stdin,
    reading_options,
)
from imagesetter.cli.registry_client import image_argument, open_client
from imagesetter.cli.reports.explain import print_explained, print_parity
from imagesetter.cli.source import held_in
from imagesetter.errors import LockError
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.image_policy import ImagePolicy
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.releases import Release, releases_of
from imagesetter.lock.document import Lock
from imagesetter.lock.holds import notices
from imagesetter.lock.tag_age import shown_age
from imagesetter.policy.kinds import KINDS
from imagesetter.policy.rule import DEFAULT_EXCLUSIONS, Rule
from imagesetter.policy.select import compare
from imagesetter.policy.tag_policy import FilterTags, TagPolicy
from imagesetter.policy_tests.tag_lists import parse_tags, read_tags
from imagesetter.registry.puller import OfflinePuller
from imagesetter.registry.scan import Scan
from imagesetter.selection.choose import Chooser
from imagesetter.selection.explain import (
    Explained,
    ad_hoc,
    compare_status,
    decide,
    explain_registry,
    explain_tags,
    in_releases,
)
from imagesetter.update.nearby import Nearby
from imagesetter.update.read_tree import read_tree
from imagesetter.update.tree_catalog import catalog_from_tree
from krm_functions.errors import ReportedError, TextError, UsageError


@dataclass(frozen=True, slots=True)
class AdHoc:
    """A policy given by options instead of by a file."""

    rules: tuple[Rule, ...]
    filter_pattern: str | None
    extract: str | None
    exclude_tag: tuple[str, ...]
    insecure: bool
    chart_tags: bool

    @property
    def given(self) -> list[str]:
        """The names of the options that were given."""
        filters = {name: getattr(self, name) for name in self.__slots__ if name != "rules"}
        given = [rule.kind for rule in self.rules]
        given += [name.replace("_", "-") for name, value in filters.items() if value not in (None, (), False)]
        return [f"--{name}" for name in given]

    def tag_policy(self) -> TagPolicy:
        """The policy that the options describe.

        Raises:
            UsageError: not exactly one rule is given.
        """
        if len(self.rules) != 1:
            *options, last = (f"--{kind.kind} {kind.argument.metavar}" for kind in KINDS)
            raise UsageError(
                f"{'no rule' if not self.rules else 'several rules'} given",
                hint=f"use exactly one of {', '.join(options)} and {last}",
            )
        filtered = self.filter_pattern is not None or self.extract is not None
        filter_tags = FilterTags(self.filter_pattern or "", self.extract or "") if filtered else None
        return TagPolicy(self.rules[0], filter_tags, self.exclude_tag or DEFAULT_EXCLUSIONS, self.chart_tags)


def _rule_options(command: Callable[..., int]) -> Callable[..., int]:
    """An option for each policy kind, named like the kind."""
    for kind in reversed(KINDS):
        command = click.option(
            f"--{kind.kind}",
            metavar=None if kind.argument.choices else kind.argument.metavar,
            type=click.Choice(kind.argument.choices) if kind.argument.choices else str,
            help=f"For an IMAGE: {kind.summary}.",
        )(command)
    return command


@click.command("explain", cls=GroupedCommand)
@click.argument("subject", required=False, metavar="[POLICY|IMAGE]", shell_complete=complete_policies)
@_rule_options
@click.option("--filter-pattern", metavar="REGEX", help="For an IMAGE: use only tags that match.")
@click.option(
    "--extract", metavar="TEMPLATE", help="For an IMAGE: the part of a tag that the rule compares, such as $1."
)
@click.option(
    "--exclude-tag",
    metavar="REGEX",
    multiple=True,
    help="For an IMAGE: exclusion list instead of Flux's default. Repeatable.",
)
@click.option("--chart-tags", is_flag=True, help="For an IMAGE: tags of Helm charts, in which _ stands for +.")
@click.option("--insecure", is_flag=True, help="For an IMAGE: allow plain HTTP.")
@click.option("--tag", default="", metavar="TAG", help="Explain why this tag is not selected.")
@click.option(
    "--tags-file",
    metavar="FILE",
    shell_complete=files,
    help="Read the tags from a file, or - for standard input, instead of a registry.",
)
@click.option("--digest", is_flag=True, help="Get the digest, even if the policy does not reflect one.")
@click.option("--limit", default=10, show_default=True, type=click.IntRange(0), help="Number of rejected tags to show.")
@click.option(
    "--compare-status", is_flag=True, help="Compare every policy's status in the cluster with imagesetter's selection."
)
@reading_options
@output_option
@network_options
@ledger_option
def command(
    subject: str | None,
    tag: str,
    tags_file: str | None,
    digest: bool,
    limit: int,
    compare_status: bool,
    policies: tuple[str, ...],
    namespace: str,
    exclude: tuple[str, ...],
    values: Mapping[str, str] | None,
    output: Output,
    network: NetworkOptions,
    filter_pattern: str | None,
    extract: str | None,
    exclude_tag: tuple[str, ...],
    chart_tags: bool,
    insecure: bool,
    **given: str | None,
) -> int:
    """Explain why a policy selects this tag and not another.

    POLICY is NAMESPACE:NAME, or NAME, of an ImagePolicy under the working directory or in --policies. IMAGE, with a
    rule from the options, needs no file at all. The exit status is 1 if the policy selects no tag.

    \b
    Examples:
      imagesetter explain flux-system:web
      imagesetter explain web --tag 1.4.2                     why not 1.4.2?
      imagesetter explain ghcr.io/org/app --semver 6.x
      imagesetter explain ghcr.io/org/app --numerical asc --extract '$ts' \\
        --filter-pattern '^main-.*-(?P<ts>[0-9]+)$'
      imagesetter explain web --tags-file tags.txt            no registry
      kubectl get imagepolicies,imagerepositories -A -o yaml > cluster.yaml
      imagesetter explain --compare-status --policies cluster.yaml
    """
    rules = tuple(kind(text) for kind in KINDS if (text := given[kind.kind]) is not None)
    made_up = AdHoc(rules, filter_pattern, extract, exclude_tag, insecure, chart_tags)
    if compare_status:
        if subject or made_up.given:
            raise UsageError(
                "--compare-status compares all policies, so it cannot be combined with a policy or a rule",
                where="--compare-status",
                hint="omit the policy and the rule, or --compare-status",
            )
        return _compare(_catalog(policies, namespace, exclude, values)[0], output, network)
    if tags_file == "-" and "-" in policies:
        raise UsageError(
            "--policies and --tags-file cannot both read standard input", hint="write one of them to a file"
        )
    if made_up.given:
        policy = ad_hoc(made_up.tag_policy(), image_argument(subject) if subject else None, insecure=made_up.insecure)
    else:
        catalog, nearby = _catalog(policies, namespace, exclude, values, subject)
        name = _name(subject, catalog, namespace)
        name = nearby.at(name, _folder(catalog, name, policies))
        try:
            policy = catalog.policy(name)
        except ReportedError as error:
            print_explained(Explained(name, None, None, error), output=output)
            return FAILED
    # Neither a lock nor a release knows anything about a policy given on the command line.
    lock, notes = (Lock({}), []) if made_up.given else _lock(nearby, policy, network.ledger)
    release = None if made_up.given else next(iter(releases_of(catalog, [policy.name])), None)
    notes += _release_notes(release, policy.name, online=tags_file is None)
    held = None if made_up.given else held_in(nearby.tree, catalog)
    chooser = Chooser(lock, clock.now(), "accept", held)
    if tags_file is not None:
        tags = parse_tags(read_stdin(), name="<stdin>") if tags_file == "-" else read_tags(Path(tags_file))
        explained = explain_tags(policy, tags, tag=tag, limit=limit, notes=notes)
        if not made_up.given:
            puller = OfflinePuller(partial(_remembered, lock, policy.name))
            explained = decide(explained, policy, Scan(tuple(tags), clock.now()), chooser, puller)
            explained = replace(explained, notes=(*explained.notes, *_kept(lock, explained)))
    elif not policy.image.path:
        raise UsageError("no IMAGE and no list of tags given", hint="add an IMAGE, or --tags-file")
    else:
        named = policy.image.registry if made_up.given else ""
        with open_client(network, named=named) as client:
            choose = in_releases(catalog, client, chooser) if release else chooser
            explained = explain_registry(
                policy, client, tag=tag, limit=limit, digest=digest, choose=choose, notes=notes
            )
            explained = replace(explained, notes=(*explained.notes, *_kept(lock, explained)))
    print_explained(explained, output=output)
    return OK if explained.chosen else FAILED


def _catalog(
    policies: Sequence[str],
    namespace: str,
    exclude: Sequence[str],
    values: Mapping[str, str] | None,
    subject: str | None = None,
) -> tuple[Catalog, Nearby]:
    """The policies in the named files; without any, those under the working directory, as for an update; and the locks
    that count for them.

    Raises:
        UsageError: the subject looks like an image, and there is no rule for it.
    """
    if subject and ("/" in subject or "@" in subject):
        raise UsageError(
            f"{subject} looks like an image, but no rule is given",
            hint=f"add a rule: imagesetter explain {subject} --semver '>=1.0.0'",
        )
    wanted = [policy_name(subject, namespace)] if subject else []
    tree = read_tree(() if policies else (".",), exclude=exclude)
    catalog = catalog_from_tree(
        tree,
        paths=(),
        policies=policies,
        namespace=namespace,
        stdin=read_stdin,
        wanted=wanted,
        values=values,
    )
    catalog.either = "name one of them with --policies, or run this in its folder"
    folders = [given for given in policies if Path(given).is_dir()]
    return catalog, Nearby(catalog, read_tree(folders, exclude=exclude) if folders else tree, folders)


def _folder(catalog: Catalog, name: PolicyName, policies: Sequence[str]) -> str:
    """From where a policy is looked at: its own folder, if --policies names it, else the working directory."""
    try:
        found = catalog.find("ImagePolicy", *name) if policies else None
    except ReportedError:
        found = None
    return found.folders[0] if found and found.folders else str(Path.cwd())


def _lock(nearby: Nearby, policy: ImagePolicy, ledger: Path | None) -> tuple[Lock, list[str]]:
    """The lock that counts, with what is to be said of it; its holds and first sights have a say in what is chosen."""
    try:
        lock = nearby.lock()
    except (LockError, TextError) as error:
        return Lock({}), [f"the lock cannot be read, so it is ignored here: {error}"]
    lock, name = with_ledger(lock, ledger), policy.name
    notes = list(notices(lock.holds, name, clock.now()))
    seen = {each.policy for each in lock.seen} & {name, name.plain} or policy.image.canonical in lock.ledger
    if policy.minimum_age and name not in lock.entries and not seen:
        age = shown_age(policy.minimum_age)
        notes.append(
            f"the policy requires tags that are at least {age} old; no lock here records ages, so this is ignored"
        )
    return lock, notes


def _release_notes(release: Release | None, policy: PolicyName, *, online: bool) -> Iterable[str]:
    """That a policy changes with others only; and that this is not known without the tags of these."""
    if release:
        others = ", ".join(each.name for each in release.policies if each != policy)
        ignored = "" if online else "; only the registries have their tags, so this is ignored here"
        what = release.same.removeprefix("extract ")
        yield f"release {release.name}: the {what} is the same as that of {others}{ignored}"


def _remembered(lock: Lock, policy: PolicyName, tag: str) -> str:
    """The digest that the lock has for a tag if no registry is used; empty if it has none."""
    for seen in lock.seen:
        if seen.digest and seen.tag == tag and seen.policy in (policy, policy.plain):
            return seen.digest
    entry = lock.entries.get(policy)
    return entry.digest if entry and entry.tag == tag else ""


def _kept(lock: Lock, explained: Explained) -> Iterable[str]:
    """Notes if the lock stays at a higher tag, or if its tag has moved."""
    entry = lock.entries.get(explained.name) if explained.name else None
    if not (entry and explained.chosen and explained.policy) or entry.image != explained.chosen.name:
        return
    new, digest = explained.chosen.tag, explained.chosen.digest
    if digest and entry.tag == new and entry.digest != digest:
        yield f"{new} has moved: the lock has {entry.digest}"
    if explained.policy.newest:
        return
    if compare(explained.policy.tags, entry.tag, new) == 1 and not lock.wants_downgrade(
        entry.policy, entry.tag, new, clock.now()
    ):
        higher = f"the lock stays at {entry.tag}, which the policy ranks above {new}"
        yield f"{higher}; use `lock --allow-downgrade` to change it"


def _name(subject: str | None, catalog: Catalog, namespace: str) -> PolicyName:
    """The policy of this name: with a namespace, or a name that only one policy has.

    Raises:
        UsageError: no name is given.
    """
    names = catalog.policy_names
    if not subject:
        known = f"policies here: {', '.join(map(str, names[:8]))}{' …' if len(names) > 8 else ''}"
        none = "no ImagePolicy was found here: add --policies, or explain an image: "
        raise UsageError("no policy given", hint=known if names else f"{none}imagesetter explain IMAGE --semver 6.x")
    wanted = policy_name(subject, namespace)
    alike = [name for name in names if name.name == subject]
    return alike[0] if len(alike) == 1 and not catalog.has_policy(wanted) else wanted


def _compare(catalog: Catalog, output: Output, network: NetworkOptions) -> int:
    with open_client(network) as client:
        parities, others = compare_status(catalog, client)
    if not parities:
        raise UsageError(
            "no ImagePolicy with a status was found",
            hint="export them: kubectl get imagepolicies,imagerepositories -A -o yaml > policies.yaml, "
            "and name the file with --policies",
        )
    print_parity(parities, others, output=output)
    return OK if all(parity.same for parity in parities) else FAILED
