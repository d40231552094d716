"""Releases: policies whose tags change together or not at all; through lock, update, explain and the function."""

from __future__ import annotations

import io
import json

import pytest

from candidates import release_law
from imagesetter.cli import function
from imagesetter.errors import RegistryError
from imagesetter.lock.document import parse_lock
from support.sandbox import Days, Sandbox
from support.shelf import Shelf


def policy(name: str, more: str = "policy: {semver: {range: '>=1.0.0'}}", annotations: str = "{}") -> str:
    return f"""\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: {name}, namespace: flux-system}}
spec: {{image: registry.example.com/{name}, interval: 5m}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata:
  name: {name}
  namespace: flux-system
  annotations: {annotations}
spec:
  imageRepositoryRef: {{name: {name}}}
  {more}
---
"""


def release(*policies: str, same: str = "version", name: str = "app") -> str:
    return f"""\
apiVersion: imagesetter.dev/v1alpha1
kind: ImageRelease
metadata: {{name: {name}, namespace: flux-system}}
spec:
  policies: [{", ".join(policies)}]
  same: {same}
"""


def fields(**tags: str) -> str:
    return "".join(
        f'{name}: registry.example.com/{name}:{tag} # {{"$imagepolicy": "flux-system:{name}"}}\n'
        for name, tag in tags.items()
    )


class Shelves(Days):
    """A registry of several repositories."""

    scan = Shelf.scan
    digest = Shelf.digest


@pytest.fixture
def story(sandbox: Sandbox) -> Sandbox:
    """Web and worker in one release; the registry has 1.9.0 of both, and the fields have it."""
    registry = Shelves()
    sandbox.registry = registry
    sandbox.write("policies.yaml", policy("web") + policy("worker") + release("web", "worker"))
    sandbox.write("app.yaml", fields(web="1.9.0", worker="1.9.0"))
    stock(sandbox, web=["1.9.0"], worker=["1.9.0"])
    return sandbox


def stock(sandbox: Sandbox, **tags: list[str] | RegistryError) -> None:
    """What the registry has from now on."""
    sandbox.registry.repositories = {f"registry.example.com/{name}": each for name, each in tags.items()}  # type: ignore[misc]


def locked(sandbox: Sandbox) -> dict[str, str]:
    """The tags of the lock, by policy."""
    entries = parse_lock(sandbox.text(), "lock").entries
    return {name.name: entry.tag for name, entry in entries.items()}


def test_a_release_waits_for_the_image_that_is_missing_and_then_moves_as_a_whole(story: Sandbox) -> None:
    assert story.run("lock").status == 0
    stock(story, web=["1.9.0", "2.0.0"], worker=["1.9.0"])
    ran = story.run("lock")
    assert (ran.status, locked(story)) == (0, {"web": "1.9.0", "worker": "1.9.0"}), str(ran)
    assert "flux-system:web: 2.0.0: worker does not have it" in ran.err
    ran = story.run("explain", "web", "--limit", "0", "--tag", "2.0.0")
    assert ran.out == (
        "flux-system:web  (policies.yaml:6)\n"
        "registry.example.com/web  semver >=1.0.0\n"
        "\n"
        "  listed             2\n"
        "  excluded       0   2\n"
        "  filtered       0   2\n"
        "  unparsed       0   2\n"
        "  out of range   0   2\n"
        "  release       -1   1\n"
        "  chosen             1\n"
        "\n"
        "→ registry.example.com/web:1.9.0\n"
        "\n"
        "why not 2.0.0? 2.0.0: worker does not have it\n"
        "note: release flux-system:app: the version is the same as that of worker\n"
        "note: 2.0.0: worker does not have it\n"
    )
    stock(story, web=["1.9.0", "2.0.0"], worker=["1.9.0", "2.0.0"])
    ran = story.run("lock")
    assert locked(story) == {"web": "2.0.0", "worker": "2.0.0"}, str(ran)
    ran = story.run("update", "--from", "lock")
    assert (ran.status, story.text("app.yaml")) == (0, fields(web="2.0.0", worker="2.0.0")), str(ran)


def test_a_tag_that_is_there_and_that_a_policy_does_not_allow_is_not_called_missing(story: Sandbox) -> None:
    narrow = policy("worker", "policy: {semver: {range: 1.x}}")
    story.write("policies.yaml", policy("web") + narrow + release("web", "worker"))
    stock(story, web=["1.9.0", "2.0.0", "2.1.0"], worker=["1.9.0", "2.0.0"])
    ran = story.run("lock")
    assert locked(story) == {"web": "1.9.0", "worker": "1.9.0"}
    assert "flux-system:web: 2.1.0: worker does not have it" in ran.err
    assert "flux-system:web: 2.0.0: worker does not allow it" in ran.err


def test_the_reason_is_in_the_json_of_explain_and_in_the_results_of_lock(story: Sandbox) -> None:
    stock(story, web=["1.9.0", "2.0.0"], worker=["1.9.0"])
    explained = json.loads(story.run("explain", "web", "--output", "json").out)
    reason = "2.0.0: worker does not have it"
    assert explained["passedOver"] == [{"tag": "2.0.0", "rule": "release", "reason": reason, "until": None}]
    report = json.loads(story.run("lock", "--output", "json").out)
    tags = {"policy": "flux-system:web", "rule": "release", "tag": "2.0.0"}
    assert tags in [result.get("tags") for result in report["results"]]
    assert "passedOver: 2.0.0 (release)" in story.text()


@pytest.mark.parametrize("command", [("lock",), ("update",)])
def test_a_registry_that_fails_for_one_policy_keeps_all_of_them(story: Sandbox, command: tuple[str, ...]) -> None:
    story.run("lock")
    before = story.text()
    stock(story, web=["1.9.0", "2.0.0"], worker=RegistryError("registry.example.com/worker did not respond"))
    ran = story.run(*command)
    assert (ran.status, story.text("app.yaml"), story.text()) == (1, fields(web="1.9.0", worker="1.9.0"), before)
    assert "web: stays as it is, since release flux-system:app changes as a whole, and flux-system:worker cannot" in (
        ran.err
    )


def test_a_run_for_one_policy_is_one_for_its_release(story: Sandbox) -> None:
    story.run("lock")
    stock(story, web=["1.9.0", "2.0.0"], worker=["1.9.0", "2.0.0"])
    ran = story.run("update", "--only", "flux-system:web")
    assert story.text("app.yaml") == fields(web="2.0.0", worker="2.0.0"), str(ran)
    ran = story.run("lock", "--only", "flux-system:web")
    assert locked(story) == {"web": "2.0.0", "worker": "2.0.0"}, str(ran)


def test_a_policy_that_has_no_field_in_a_run_still_holds_its_release_up(story: Sandbox) -> None:
    story.write("app.yaml", fields(web="1.9.0"))
    stock(story, web=["1.9.0", "2.0.0"], worker=["1.9.0"])
    ran = story.run("update")
    assert (ran.status, story.text("app.yaml")) == (0, fields(web="1.9.0")), str(ran)


def test_mixed_fields_come_to_one_version(story: Sandbox) -> None:
    story.write("app.yaml", fields(web="1.9.0", worker="2.0.0"))
    stock(story, web=["1.9.0", "2.0.0"], worker=["1.9.0", "2.0.0"])
    ran = story.run("update")
    assert (ran.status, story.text("app.yaml")) == (0, fields(web="2.0.0", worker="2.0.0")), str(ran)


def test_mixed_fields_stay_where_one_would_have_to_go_back(story: Sandbox) -> None:
    story.write("app.yaml", fields(web="1.0.0", worker="2.0.0"))
    stock(story, web=["1.9.0"], worker=["1.9.0", "2.0.0"])
    ran = story.run("update")
    assert story.text("app.yaml") == fields(web="1.0.0", worker="2.0.0")
    assert "flux-system:web: stays at registry.example.com/web:1.0.0, since release flux-system:app changes" in ran.err
    ran = story.run("update", "--allow-downgrade")
    assert story.text("app.yaml") == fields(web="1.9.0", worker="1.9.0"), str(ran)


def test_a_lock_does_not_change_in_part_where_one_entry_would_have_to_go_back(story: Sandbox) -> None:
    story.write("policies.yaml", policy("web") + policy("worker"))
    stock(story, web=["1.0.0"], worker=["2.0.0"])
    story.run("lock")
    story.write("policies.yaml", policy("web") + policy("worker") + release("web", "worker"))
    stock(story, web=["1.9.0"], worker=["1.9.0", "2.0.0"])
    ran = story.run("lock")
    assert locked(story) == {"web": "1.0.0", "worker": "2.0.0"}
    assert "flux-system:web stays locked at 1.0.0, since release flux-system:app changes as a whole" in ran.err
    ran = story.run("update", "--from", "lock")
    assert ran.status == 1
    assert "is recorded in several versions (web is at 1.0.0, worker is at 2.0.0)" in ran.err, str(ran)
    ran = story.run("lock", "--allow-downgrade")
    assert locked(story) == {"web": "1.9.0", "worker": "1.9.0"}, str(ran)


def test_a_hold_of_one_policy_takes_the_whole_release_back(story: Sandbox) -> None:
    stock(story, web=["1.9.0", "2.0.0"], worker=["1.9.0", "2.0.0"])
    story.run("lock")
    assert story.run("rollback", "web", "--reason", "crashes").status == 2
    assert story.run("hold", "web", "--tag", "1.9.0", "--reason", "crashes").status == 0
    ran = story.run("lock")
    assert locked(story) == {"web": "1.9.0", "worker": "1.9.0"}, str(ran)
    story.write("app.yaml", fields(web="2.0.0", worker="2.0.0"))
    ran = story.run("update", "--from", "lock")
    assert story.text("app.yaml") == fields(web="1.9.0", worker="1.9.0"), str(ran)


def test_the_rules_of_every_policy_count(story: Sandbox) -> None:
    age = "{imagesetter.dev/minimum-age: 3d}"
    story.write("policies.yaml", policy("web", annotations=age) + policy("worker") + release("worker", "web"))
    story.run("lock")
    stock(story, web=["1.9.0", "2.0.0"], worker=["1.9.0", "2.0.0"])
    ran = story.run("lock")
    assert locked(story) == {"web": "1.9.0", "worker": "1.9.0"}
    assert "worker: 2.0.0: web: 2.0.0 is not 3d old until 2026-03-04T12:00:00Z" in ran.err
    story.day("2026-03-05")
    ran = story.run("lock")
    assert locked(story) == {"web": "2.0.0", "worker": "2.0.0"}, str(ran)


def test_a_release_can_share_a_group_of_its_tags(story: Sandbox) -> None:
    built = "filterTags: {pattern: '^(?P<ts>[0-9]+)-(?P<sha>[a-f0-9]+)$', extract: $ts}\n  policy: {numerical: {}}"
    story.write(
        "policies.yaml", policy("web", built) + policy("worker", built) + release("web", "worker", same="extract sha")
    )
    stock(story, web=["10-aa", "20-bb", "30-cc"], worker=["11-aa", "21-bb", "31-dd"])
    ran = story.run("lock")
    assert locked(story) == {"web": "20-bb", "worker": "21-bb"}, str(ran)


def test_tags_without_the_group_are_not_the_same(story: Sandbox) -> None:
    more = (
        "filterTags: {pattern: '^(?P<v>[0-9.]+)(-(?P<sha>[a-f0-9]+))?$', extract: '$v'}\n"
        "  policy: {semver: {range: '>=1.0.0'}}"
    )
    story.write(
        "policies.yaml", policy("web", more) + policy("worker", more) + release("web", "worker", same="extract sha")
    )
    stock(story, web=["1.9.0-ab", "2.0.0"], worker=["1.9.0-ab", "2.0.0"])
    assert story.run("lock").status == 0
    assert locked(story) == {"web": "1.9.0-ab", "worker": "1.9.0-ab"}


def test_lint_finds_a_policy_that_follows_another_one_of_its_release(story: Sandbox) -> None:
    follows = policy("worker", annotations="{imagesetter.dev/follows: web}")
    story.write("policies.yaml", policy("web") + follows + release("web", "worker"))
    ran = story.run("lint")
    assert (
        "error invalid-release: ImageRelease flux-system:app: flux-system:worker follows flux-system:web, which "
        "changes only together with it; take one of them out of the release, or follow another policy"
    ) in ran.out


def test_versions_are_equal_whatever_a_tag_has_around_them(story: Sandbox) -> None:
    alpine = "filterTags: {pattern: '^(?P<version>.*)-alpine$', extract: $version}\n  policy: {semver: {range: '*'}}"
    story.write("policies.yaml", policy("web") + policy("worker", alpine) + release("web", "worker"))
    stock(story, web=["v1.9.0", "v2.0.0"], worker=["1.9.0-alpine", "2.0.0-alpine", "2.1.0"])
    ran = story.run("lock")
    assert locked(story) == {"web": "v2.0.0", "worker": "2.0.0-alpine"}, str(ran)


def as_list(*texts: str) -> bytes:
    """Documents as the items of a ResourceList."""
    documents = [each for text in texts for each in text.split("---\n") if each.strip()]
    items = ["\n  ".join(document.strip().splitlines()) for document in documents]
    config = "{apiVersion: imagesetter.dev/v1alpha1, kind: ImageSetter, metadata: {name: x}}"
    head = f"apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nfunctionConfig: {config}\nitems:\n"
    return (head + "".join(f"- {item}\n" for item in items)).encode()


@pytest.mark.parametrize(("worker", "version"), [(["1.9.0"], "1.9.0"), (["1.9.0", "2.0.0"], "2.0.0")])
def test_the_function_reads_a_release_among_the_items(
    story: Sandbox, monkeypatch: pytest.MonkeyPatch, worker: list[str], version: str
) -> None:
    stock(story, web=["1.9.0", "2.0.0"], worker=worker)
    app = "apiVersion: v1\nkind: App\nmetadata: {name: app}\n" + fields(web="1.8.0", worker="1.8.0")
    out = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr("sys.stdout", out)
    status = function.main(as_list(story.text("policies.yaml"), app))
    out.flush()
    text = out.buffer.getvalue().decode()  # type: ignore[attr-defined]
    assert status == 0
    assert [f"web:{version} #" in text, f"worker:{version} #" in text] == [True, True], text


def setter(releases: str) -> str:
    return f"""\
apiVersion: imagesetter.dev/v1alpha1
kind: ImageSetter
metadata: {{name: images}}
spec:
  policies:
    - {{name: web, image: registry.example.com/web, semver: {{range: '>=1.0.0'}}}}
    - {{name: worker, image: registry.example.com/worker, semver: {{range: '>=1.0.0'}}}}
  releases: {releases}
"""


INLINE = "[{name: app, policies: [web, worker], same: version}]"


@pytest.mark.parametrize(("worker", "version"), [(["1.9.0"], "1.9.0"), (["1.9.0", "2.0.0"], "2.0.0")])
def test_a_release_can_stand_beside_inline_policies(
    story: Sandbox, monkeypatch: pytest.MonkeyPatch, worker: list[str], version: str
) -> None:
    stock(story, web=["1.9.0", "2.0.0"], worker=worker)
    story.write("policies.yaml", setter(INLINE))
    assert story.run("lint").status == 0
    assert story.run("lock").status == 0
    assert locked(story) == {"web": version, "worker": version}
    app = "apiVersion: v1\nkind: App\nmetadata: {name: app}\n" + fields(web="1.8.0", worker="1.8.0")
    out = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr("sys.stdout", out)
    indented = "\n  ".join(setter(INLINE).strip().splitlines())
    item = "\n  ".join(app.strip().splitlines())
    head = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
    status = function.main(f"{head}functionConfig:\n  {indented}\nitems:\n- {item}\n".encode())
    out.flush()
    text = out.buffer.getvalue().decode()  # type: ignore[attr-defined]
    assert status == 0, text
    assert [f"web:{version} #" in text, f"worker:{version} #" in text] == [True, True], text


@pytest.mark.parametrize(
    ("releases", "message"),
    [
        ("3", "the name is missing"),
        ("[web]", "the name is missing"),
        ("[{policies: [web, worker], same: version}]", "the name is missing"),
        ("[{name: app, policies: [web], same: version}]", "spec.policies: a release has at least two policies"),
        ("[{name: app, policies: [web, worker], same: x}]", "spec.same: must be version, tag, or extract"),
        ("[{name: app, policies: [web, worker], same: tag, sane: x}]", "spec.sane: unknown field (did you mean same?)"),
        (f"{INLINE[:-1]}, {{name: b, policies: [worker, web], same: tag}}]", "flux-system:worker is in the releases"),
    ],
)
def test_an_invalid_release_beside_inline_policies_stops_every_run(story: Sandbox, releases: str, message: str) -> None:
    story.write("policies.yaml", setter(releases))
    stock(story, web=["2.0.0"], worker=["2.0.0"])
    for command in ("update", "lock", "lint"):
        ran = story.run(command)
        assert (ran.status != 0, message in ran.out + ran.err) == (True, True), str(ran)
    assert story.text("app.yaml") == fields(web="1.9.0", worker="1.9.0")


def test_a_field_that_cannot_be_changed_holds_the_release_up(story: Sandbox) -> None:
    stock(story, web=["1.9.0", "2.0.0"], worker=["1.9.0", "2.0.0"])
    text = fields(web="1.9.0") + 'worker: "" # {"$imagepolicy": "flux-system:worker:digest"}\n'
    story.write("app.yaml", text)
    ran = story.run("update")
    assert (ran.status, story.text("app.yaml")) == (1, text), str(ran)
    assert "and the field of flux-system:worker at app.yaml:2 stays as it is" in ran.err


def test_the_policies_of_a_release_are_in_one_shard(story: Sandbox) -> None:
    for count in range(2, 8):
        parts = []
        for index in range(count):
            assert story.run("lock", "--shard", f"{index}/{count}", "--lock-file", "part.yaml").status == 0
            parts.append(
                len(parse_lock(story.text("part.yaml"), "part").entries) if (story.root / "part.yaml").exists() else 0
            )
            (story.root / "part.yaml").unlink(missing_ok=True)
        assert sorted(parts)[-2:] == [0, 2], parts


def test_a_release_of_which_nothing_fits_keeps_everything(story: Sandbox) -> None:
    stock(story, web=["2.0.0"], worker=["1.9.0"])
    ran = story.run("update")
    assert (ran.status, story.text("app.yaml")) == (1, fields(web="1.9.0", worker="1.9.0"))
    assert "no version is allowed by all policies of release flux-system:app, so none of them changes" in ran.err
    assert "2.0.0: worker does not have it" in ran.err, str(ran)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (release("web", "worker", same="versions"), "spec.same: must be version, tag, or extract with the name of a"),
        (release("web"), "spec.policies: a release has at least two policies"),
        (release("web", "worker") + "  sane: tag\n", "spec.sane: unknown field (did you mean same?)"),
        (
            release("web", "worker").replace("[web, worker]", "web"),
            "spec.policies: must be a list of names of policies",
        ),
        (release("web", "worker").replace("v1alpha1", "v1"), "apiVersion: imagesetter.dev/v1 is not known"),
        (
            release("web", "worker") + "---\n" + release("worker", "web", name="other"),
            "policy flux-system:worker is in the releases flux-system:app and flux-system:other",
        ),
    ],
)
def test_an_invalid_release_stops_every_run(story: Sandbox, text: str, message: str) -> None:
    story.write("policies.yaml", policy("web") + policy("worker") + text)
    stock(story, web=["2.0.0"], worker=["2.0.0"])
    for command in ("update", "lock", "lint"):
        ran = story.run(command)
        assert (ran.status != 0, message in ran.out + ran.err) == (True, True), str(ran)
    assert story.text("app.yaml") == fields(web="1.9.0", worker="1.9.0")


@pytest.mark.parametrize(
    ("first", "second", "same", "message"),
    [
        ("1.x", "2.x", "version", "no version is in the ranges of both flux-system:web and flux-system:worker"),
        ("1.x", "1.x", "extract sha", "the filterTags.pattern of flux-system:web has no group 'sha'"),
        (">1.2.3 <1.2.5", ">1.2.3 <1.2.5", "version", ""),
        ("1.x", ">=1.5.0-0", "tag", ""),
    ],
)
def test_lint_finds_a_release_that_can_never_move(
    story: Sandbox, first: str, second: str, same: str, message: str
) -> None:
    one, two = (f"policy: {{semver: {{range: '{each}'}}}}" for each in (first, second))
    story.write("policies.yaml", policy("web", one) + policy("worker", two) + release("web", "worker", same=same))
    found = story.run("lint").about("invalid-release")
    assert (message in "".join(found)) if message else (found == [])


def test_lint_finds_a_policy_that_is_not_there(story: Sandbox) -> None:
    story.write("policies.yaml", policy("web") + policy("worker") + release("web", "workers"))
    (found,) = story.run("lint").about("invalid-release")
    assert "ImageRelease flux-system:app: ImagePolicy flux-system:workers was not found" in found
    ran = story.run("update")
    assert (ran.status, story.text("app.yaml")) == (1, fields(web="1.9.0", worker="1.9.0"))


def test_a_release_is_never_mixed_takes_the_highest_version_and_does_not_depend_on_the_order() -> None:
    came = [release_law.check(seed) for seed in range(150)]
    assert 40 < sum(map(bool, came)) < 140
