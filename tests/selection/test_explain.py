"""`imagesetter explain`: the funnel to the chosen tag, why not another, and how a cluster's answers compare."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imagesetter.cli.main import main
from imagesetter.errors import InvalidPolicy, ResolveError, Unauthorized
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.resources import resource
from imagesetter.policy.semver import SemverRule
from imagesetter.policy.tag_policy import TagPolicy
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.scan import ScanOptions
from imagesetter.selection.explain import ad_hoc, compare_status, explain_registry, explain_tags
from support.registries import push_image, run_registry
from support.shelf import Shelf, digest_of

NAME = "registry.example.com/app"
TAGS = ("1.0.0", "1.0.1", "1.0.10", "1.0.11-rc.1", "1.0.9", "1.1.0", "latest", "sha256-a.sig")
APP = PolicyName("flux-system", "app")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs imagesetter in a directory of its own that holds `tags.txt`: exit status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    Path("tags.txt").write_text("\n".join(TAGS) + "\n")

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        return status, *capsys.readouterr()

    return run


def flux(kind: str, spec: dict[str, Any], name: str = "app", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "flux-system"}
    return {"apiVersion": "image.toolkit.fluxcd.io/v1", "kind": kind, "metadata": metadata, "spec": spec, **more}


def policy(
    range_: str = "1.0.x", name: str = "app", status: dict[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    full = {"imageRepositoryRef": {"name": "app"}, "policy": {"semver": {"range": range_}}, **spec}
    return flux("ImagePolicy", full, name, **({"status": status} if status else {}))


def repository(image: str = NAME, **spec: Any) -> dict[str, Any]:
    return flux("ImageRepository", {"image": image, **spec})


def catalog(*resources: dict[str, Any]) -> Catalog:
    made = Catalog()
    made.add(found for number, data in enumerate(resources) if (found := resource(data, f"file.yaml:{number}")))
    return made


def write(path: str, *resources: dict[str, Any]) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("\n---\n".join(json.dumps(data) for data in resources))  # JSON is YAML


# Without a registry

FUNNEL = f"""\
{NAME}  semver 1.0.x

  listed             8
  excluded      -1   7
  filtered       0   7
  unparsed      -1   6
  out of range  -2   4
  chosen             1

→ {NAME}:1.0.10

rejected, the nearest first:
  1.1.0         out of range  1.1.0 is not 1.0.x
  1.0.11-rc.1   out of range  1.0.11-rc.1 is a prerelease, which 1.0.x does not allow; a range such as >=1.0.0-0 does
  latest        unparsed      it is not a version: Flux requires two dots, as in 1.2.3
  sha256-a.sig  excluded      the exclusion list excludes it: it matches ^.*\\.sig$
"""


def test_an_image_and_a_rule_need_no_file_to_be_explained(run: Run) -> None:
    assert run("explain", NAME, "--semver", "1.0.x", "--tags-file", "tags.txt") == (0, FUNNEL, "")


def test_the_json_document_has_the_same_facts(run: Run) -> None:
    options = ("--numerical", "desc", "--filter-pattern", r"^1\.0\.(\d+)$", "--extract", "$1", "--exclude-tag", "9$")
    status, out, _ = run("explain", NAME, *options, "--tags-file", "tags.txt", "--limit", "1", "--output", "json")
    assert status == 0
    assert json.loads(out) == {
        "apiVersion": "imagesetter.dev/v1alpha1",
        "kind": "Explanation",
        "policy": None,
        "image": NAME,
        "rule": {
            "numerical": {"order": "desc"},
            "filterTags": {"pattern": r"^1\.0\.(\d+)$", "extract": "$1"},
            "exclusionList": ["9$"],
        },
        "chosen": {"name": NAME, "tag": "1.0.0", "digest": ""},
        "error": None,
        "stage": None,
        "where": None,
        "hint": None,
        "funnel": {
            "listed": 8,
            "signatures": 0,
            "excluded": 1,
            "filteredOut": 4,
            "shadowed": 0,
            "unparsed": 0,
            "outOfRange": 0,
            "candidates": 3,
        },
        "rejected": [
            {"tag": "1.1.0", "step": "filtered", "reason": r"it does not match filterTags.pattern ^1\.0\.(\d+)$"}
        ],
        "passedOver": [],
        "notes": [],
    }


def test_a_policy_that_gives_no_tag_is_explained_all_the_same_and_fails(run: Run) -> None:
    status, out, err = run("explain", NAME, "--numerical", "asc", "--tags-file", "tags.txt")
    assert status == 1
    assert "unparsed      -7   0" in out
    assert "→" not in out
    assert "failed to parse invalid numeric value 'latest'" in err


def test_a_rule_that_does_not_compile_is_drawn_under_and_no_step_is_counted(run: Run) -> None:
    status, out, err = run("explain", NAME, "--semver", "1.0.x >>2", "--tags-file", "tags.txt", "--tag", "latest")
    assert status == 1
    assert "excluded" not in out
    assert 'improper constraint: "1.0.x >>2"' in err
    drawing = err.splitlines()[-2:]
    assert drawing[0].strip() == "1.0.x >>2"
    assert drawing[1].index("^") - drawing[0].index("1") in (6, 7)


WHY_NOT = {
    "out of range": ("1.1.0", "why not 1.1.0? 1.1.0 is not 1.0.x"),
    "outranked": ("1.0.9", "why not 1.0.9? it is a candidate, but 1.0.10 ranks higher"),
    "unparsed": ("latest", "why not latest? it is not a version"),
    "excluded": ("sha256-a.sig", "why not sha256-a.sig? the exclusion list excludes it: it matches ^.*\\.sig$"),
    "not in the list": ("1.0.11", "why not 1.0.11? it is not one of the 8 tags; if it were"),
    "chosen": ("1.0.10", "1.0.10: it is the tag that the policy selects"),
}


@pytest.mark.parametrize(("tag", "answer"), WHY_NOT.values(), ids=WHY_NOT)
def test_why_not_is_answered_in_place_of_the_rejected(tag: str, answer: str, run: Run) -> None:
    status, out, _ = run("explain", NAME, "--semver", "1.0.x", "--tags-file", "tags.txt", "--tag", tag)
    assert status == 0
    assert out.splitlines()[-1].startswith(answer)
    assert "rejected" not in out
    _, out, _ = run("explain", NAME, "--semver", "1.0.x", "--tags-file", "tags.txt", "--tag", tag, "--output", "json")
    assert json.loads(out)["asked"]["tag"] == tag


LISTS = {
    "a tag a line, with blank lines, a comment and Windows line ends": b"# web\r\n1.0.0\r\n\r\n  1.0.1 \r\n",
    "a JSON list": b'["1.0.0", "1.0.1"]',
    "what a registry answers": b'{"name": "app", "tags": ["1.0.0", "1.0.1"]}',
    "a byte order mark": b"\xef\xbb\xbf1.0.0\n1.0.1",
    "the same tag twice": b"1.0.1\n1.0.0\n1.0.1\n",
}


@pytest.mark.parametrize("data", LISTS.values(), ids=LISTS)
def test_lists_of_tags_are_read_in_every_usual_form(data: bytes, run: Run) -> None:
    Path("list").write_bytes(data)
    _, out, _ = run("explain", "--semver", "1.x", "--tags-file", "list", "--output", "json")
    document = json.loads(out)
    assert (document["chosen"]["tag"], document["funnel"]["listed"]) == ("1.0.1", 2)


UNREADABLE = {
    "broken JSON": (b'["1.0.0"', "the tag list is not JSON"),
    "a number": (b'["1.0.0", 1.1]', "the tag list contains 1.1, which is not a string"),
    "an object of another kind": (b'{"errors": []}', "the JSON object has no field tags"),
    "tags that are no list": (b'{"tags": "1.0.0"}', "tags is not a list"),
    "no text": (b"\xff\xfe1", "UTF-8"),
}


@pytest.mark.parametrize(("data", "message"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_list_that_is_none_is_an_error_with_the_file(data: bytes, message: str, run: Run) -> None:
    Path("list").write_bytes(data)
    status, out, err = run("explain", "--semver", "1.x", "--tags-file", "list")
    assert (status, out) == (1, "")
    assert message in err
    assert "where: list" in err


def test_a_repository_without_tags_has_none_to_choose(run: Run) -> None:
    Path("list").write_text('{"tags": null}')
    status, _, err = run("explain", "--semver", "1.x", "--tags-file", "list")
    assert status == 1
    assert "no tags in database" in err


def test_tags_are_read_from_a_pipe(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "imagesetter", "explain", "--semver", "1.x", "--tags-file", "-"]
    done = subprocess.run(command, input=b"1.0.0\n", capture_output=True, cwd=tmp_path, check=False)
    assert done.returncode == 0
    assert "→ 1.0.0\n" in done.stdout.decode()


def test_escape_sequences_in_a_list_never_reach_the_terminal(run: Run) -> None:
    Path("list").write_text("1.0.0\n\x1b[31m1.0.1\n" + "x" * 200 + "\n")
    _, out, _ = run("explain", "--semver", "1.x", "--tags-file", "list")
    assert "\x1b" not in out
    assert r"\x1b[31m1.0.1" in out
    assert "note: 2 of the tags can be in no registry" in out
    assert max(map(len, out.splitlines())) < 400


# Policies in files


def test_a_policy_under_the_working_directory_is_found_by_its_name(run: Run) -> None:
    write("clusters/policies.yaml", policy(), repository())
    for name in ("app", "flux-system:app"):
        status, out, _ = run("explain", name, "--tags-file", "tags.txt")
        assert status == 0
        assert out.startswith(f"flux-system:app  (clusters/policies.yaml:1)\n{NAME}  semver 1.0.x\n")


def test_a_policy_above_the_working_directory_is_found_in_its_repository(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("policies.yaml", policy(), repository())
    Path(".git").mkdir()
    Path("apps").mkdir()
    monkeypatch.chdir("apps")
    assert run("explain", "app", "--tags-file", "../tags.txt")[0] == 0


def test_a_name_that_stands_for_one_policy_only_needs_no_namespace(run: Run) -> None:
    elsewhere = {"metadata": {"name": "app", "namespace": "apps"}}
    write("policies.yaml", {**policy(), **elsewhere}, {**repository(), **elsewhere})
    status, out, _ = run("explain", "app", "--tags-file", "tags.txt")
    assert (status, out.split()[0]) == (0, "apps:app")


def test_policies_that_are_named_stand_in_for_the_ones_that_they_were_made_from(run: Run) -> None:
    write("base/policies.yaml", policy("1.x"), repository())
    write("rendered/policies.yaml", policy("1.0.x"), repository())
    status, _, err = run("explain", "app", "--tags-file", "tags.txt")
    assert status == 1
    assert "defined more than once" in err
    status, out, _ = run("explain", "app", "--tags-file", "tags.txt", "--policies", "rendered")
    assert status == 0
    assert "1.0.10" in out


def test_a_policy_that_cannot_be_read_is_a_json_document_too(run: Run) -> None:
    write("policies.yaml", policy())
    status, out, _ = run("explain", "app", "--output", "json")
    document = json.loads(out)
    assert status == 1
    assert (document["policy"], document["chosen"], document["funnel"]) == ("flux-system:app", None, None)
    assert "refers to ImageRepository flux-system:app, which was not found" in document["error"]
    assert "--policies" in document["hint"]


USAGE = {
    "no policy, and none is known": (("explain",), "no policy given", "no ImagePolicy was found here"),
    "an image without a rule": (("explain", "ghcr.io/org/app"), "no rule is given", "--semver '>=1.0.0'"),
    "two rules": (
        ("explain", NAME, "--semver", "1.x", "--numerical", "asc"),
        "several rules given",
        "use exactly one of --semver",
    ),
    "a filter without a rule": (("explain", NAME, "--extract", "$1"), "no rule given", "use exactly one of --semver"),
    "an image with a tag": (
        ("explain", f"{NAME}:1.0", "--semver", "1.x"),
        "should not include a tag; remove ':1.0'",
        "ImageRepository.spec.image",
    ),
    "neither image nor tags": (("explain", "--semver", "1.x"), "no IMAGE and no list", "--tags-file"),
    "one pipe for two": (("explain", "app", "--policies", "-", "--tags-file", "-"), "cannot both read", ""),
    "comparing one policy": (("explain", "app", "--compare-status"), "compares all policies", ""),
    "nothing to compare": (("explain", "--compare-status"), "no ImagePolicy with a status", "kubectl get"),
    "no name": (("explain", "a:b:c"), "is not the name of a policy", "NAMESPACE:NAME"),
}


@pytest.mark.parametrize(("arguments", "what", "hint"), USAGE.values(), ids=USAGE)
def test_wrong_usage_is_told_with_the_right_one(arguments: tuple[str, ...], what: str, hint: str, run: Run) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert what in err
    assert hint in err


HEADLINES = {
    "alphabetical": (("--alphabetical", "desc"), "alphabetical desc"),
    "a filter": (("--numerical", "asc", "--filter-pattern", "^9"), "numerical asc, filterTags ^9"),
    "an extract alone": (("--semver", "1.x", "--extract", "$0"), "semver 1.x, filterTags  → $0"),
}


@pytest.mark.parametrize(("options", "headline"), HEADLINES.values(), ids=HEADLINES)
def test_the_rule_is_said_on_one_line(options: tuple[str, ...], headline: str, run: Run) -> None:
    _, out, _ = run("explain", *options, "--tags-file", "tags.txt")
    assert out.splitlines()[0] == headline


def test_tags_that_extract_makes_alike_are_a_step_of_their_own(run: Run) -> None:
    options = ("--alphabetical", "asc", "--filter-pattern", "^1", "--extract", "one", "--tags-file", "tags.txt")
    _, out, _ = run("explain", *options)
    assert "  shadowed      -5   1\n" in out


def test_without_an_argument_the_known_policies_are_named(run: Run) -> None:
    write("policies.yaml", policy(), policy(name="web"), repository())
    status, _, err = run("explain")
    assert status == 2
    assert "policies here: flux-system:app, flux-system:web" in err


# With a registry


def question(*resources: dict[str, Any]) -> Any:
    return catalog(*resources).policy(APP)


def test_the_registry_is_asked_as_the_repository_says() -> None:
    shelf = Shelf({NAME: TAGS})
    explained = explain_registry(question(policy(), repository(insecure=True, timeout="10s")), shelf)
    assert explained.chosen == LatestRef(NAME, "1.0.10")
    assert shelf.scanned == [(NAME, ScanOptions(insecure=True, timeout=10.0))]
    assert shelf.asked == []


@pytest.mark.parametrize(
    ("reflection", "digest"), [("IfNotPresent", False), ("Never", True)], ids=["the policy reflects it", "asked for"]
)
def test_the_digest_is_shown_where_it_is_wanted(reflection: str, digest: bool) -> None:
    made = question(policy(digestReflectionPolicy=reflection), repository())
    explained = explain_registry(made, Shelf({NAME: TAGS}), digest=digest)
    assert explained.chosen == LatestRef(NAME, "1.0.10", digest_of(NAME, "1.0.10"))


def test_a_digest_that_cannot_be_had_leaves_the_funnel_and_no_choice() -> None:
    refusal = Unauthorized("not for you")
    made = question(policy(digestReflectionPolicy="IfNotPresent"), repository())
    explained = explain_registry(made, Shelf({NAME: TAGS}, broken_digests=refusal))
    assert (explained.chosen, explained.error) == (None, refusal)
    assert explained.explanation
    assert explained.explanation.chosen == "1.0.10"


def test_a_registry_that_refuses_is_the_explanation() -> None:
    refusal = Unauthorized("not for you")
    explained = explain_registry(question(policy(), repository()), Shelf({NAME: refusal}))
    assert (explained.chosen, explained.error, explained.explanation) == (None, refusal, None)


def test_a_range_that_does_not_parse_asks_no_registry() -> None:
    shelf = Shelf({})
    explained = explain_registry(ad_hoc(TagPolicy(SemverRule(">>1")), parse_flux_image(NAME)), shelf)
    assert isinstance(explained.error, InvalidPolicy)
    assert shelf.scanned == []


SUSPENDED = {
    "the policy": (policy(suspend=True, status={"latestImage": f"{NAME}:1.0.0"}), repository()),
    "its repository": (policy(status={"latestImage": f"{NAME}:1.0.0"}), repository(suspend=True)),
}


@pytest.mark.parametrize("resources", SUSPENDED.values(), ids=SUSPENDED)
def test_of_a_suspended_policy_both_answers_are_told(resources: tuple[dict[str, Any], ...]) -> None:
    explained = explain_registry(question(*resources), Shelf({NAME: TAGS}))
    assert explained.chosen == LatestRef(NAME, "1.0.0")
    assert "is suspended, so its recorded answer stands; without that it would be" in explained.notes[-1]


def test_a_suspended_policy_without_a_recorded_answer_gives_none() -> None:
    explained = explain_registry(question(policy(suspend=True), repository()), Shelf({NAME: TAGS}))
    assert explained.chosen is None
    assert isinstance(explained.error, ResolveError)


def test_a_list_that_no_registry_can_have_given_is_noted() -> None:
    explained = explain_tags(ad_hoc(TagPolicy(SemverRule("1.x"))), ["1.0.0+build", "1.0.0"])
    assert explained.notes == ("one of the tags can be in no registry: 1.0.0+build",)
    assert explained.name is None


# Beside a cluster's status


def status(tag: str, digest: str = "", name: str = NAME) -> dict[str, Any]:
    return {"latestRef": {"name": name, "tag": tag, **({"digest": digest} if digest else {})}}


OLD = "sha256:" + "0" * 64
ALWAYS = {"digestReflectionPolicy": "Always", "interval": "1h"}
PARITY: dict[str, tuple[dict[str, Any], str]] = {
    "the same": (policy(status=status("1.0.10")), ""),
    "a tag that came after the cluster looked": (
        policy(status=status("1.0.9")),
        "1.0.9: it is a candidate, but 1.0.10 ranks higher",
    ),
    "a tag that is gone": (
        policy(status=status("1.0.12")),
        "1.0.12: it is not one of the 8 tags; if it were: it is the tag that the policy selects",
    ),
    "another range": (policy("1.0.x", status=status("1.1.0")), "1.1.0: 1.1.0 is not 1.0.x"),
    "another repository": (
        policy(status=status("1.0.10", name="ghcr.io/org/app")),
        f"the ImageRepository here names {NAME}, the cluster's named ghcr.io/org/app",
    ),
    "a digest that is kept": (policy(digestReflectionPolicy="IfNotPresent", status=status("1.0.10", OLD)), ""),
    "a digest that moved": (
        policy(status=status("1.0.10", OLD), **ALWAYS),
        f"{NAME}:1.0.10 points to another digest now",
    ),
    "no digest here": (
        policy(status=status("1.0.10", OLD)),
        "the policy reflected a digest in the cluster, and does not here",
    ),
    "no digest there": (
        policy(status=status("1.0.10"), **ALWAYS),
        "the policy reflects a digest here, and did not in the cluster",
    ),
    "suspended": (policy(status=status("1.0.0"), suspend=True), ""),
    "no answer": (
        policy("9.x", status=status("1.0.10")),
        "no answer here: unable to determine latest version from provided list; 6 tags are versions, but none is in "
        "the range 9.x; prereleases are selected only if the range names one, as >=1.0.0-0 does",
    ),
}


@pytest.mark.parametrize(("resource", "reason"), PARITY.values(), ids=PARITY)
def test_a_difference_from_the_cluster_is_told_with_its_reason(resource: dict[str, Any], reason: str) -> None:
    ([parity], others) = compare_status(catalog(resource, repository()), Shelf({NAME: TAGS}))
    assert (parity.reason, others) == (reason, {})
    assert parity.same == (reason == "")


def test_policies_without_a_status_are_named_and_not_asked_for() -> None:
    made = catalog(policy(), policy(name="web", status=status("1.0.10")), repository())
    shelf = Shelf({NAME: TAGS})
    parities, others = compare_status(made, shelf)
    assert [parity.policy.name for parity in parities] == ["web"]
    assert others == {APP: "no status.latestRef"}
    assert len(shelf.scanned) == 1


def test_a_policy_that_is_defined_twice_is_not_compared_and_says_so() -> None:
    made = catalog(policy("1.x", status=status("1.0.0")), policy("2.x", status=status("2.0.0")), repository())
    parities, others = compare_status(made, Shelf({NAME: TAGS}))
    assert parities == []
    assert "defined more than once" in others[APP]


# From end to end


def test_a_real_registry_is_explained_and_compared(run: Run, tmp_path: Path) -> None:
    with run_registry("v3", folder=tmp_path / "registry") as registry:
        pushed = push_image(registry, "team/app", TAGS)
        image = f"{registry.host}/team/app"
        made_up = run("explain", image, "--semver", "1.0.x", "--digest", "--output", "json")
        write("policies.yaml", policy(status=status("1.0.9", name=image)), policy(name="web"), repository(image))
        found = run("explain", "app")
        compared = run("explain", "--compare-status", "--policies", "policies.yaml")
        compared_json = run("explain", "--compare-status", "--output", "json")
    assert made_up[0] == 0
    assert json.loads(made_up[1])["chosen"] == {"name": image, "tag": "1.0.10", "digest": pushed.digest}
    assert (found[0], found[2]) == (0, "")
    assert f"→ {image}:1.0.10\n" in found[1]
    assert found[1].endswith("note: the tags are from the cache; --refresh asks the registry again\n")
    assert compared == (
        1,
        f"flux-system:app\n  cluster  {image}:1.0.9\n  here     {image}:1.0.10\n"
        "  why      1.0.9: it is a candidate, but 1.0.10 ranks higher\n"
        "flux-system:web: not compared: no status.latestRef\n"
        "0 of 1 policies with a status have the same latest ref here\n",
        "",
    )
    document = json.loads(compared_json[1])
    assert document["policies"][0]["ours"] == {"name": image, "tag": "1.0.10", "digest": ""}
    assert document["notCompared"] == [{"policy": "flux-system:web", "reason": "no status.latestRef"}]
