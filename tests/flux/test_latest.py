"""The latest ref, and what older clusters wrote instead of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagesetter.cli.main import main
from imagesetter.flux.latest_ref import LatestRef, from_status
from krm_functions.errors import ResourceError
from krm_functions.yaml.load import load

DIGEST = "sha256:" + "a" * 64

STATUSES = {
    "v1 with digest": (
        {"latestRef": {"name": "r/app", "tag": "1.2", "digest": DIGEST}},
        LatestRef("r/app", "1.2", DIGEST),
    ),
    "v1 without digest": ({"latestRef": {"name": "r/app", "tag": "1.2"}}, LatestRef("r/app", "1.2")),
    "v1beta1": ({"latestImage": "r:5000/app:1.2"}, LatestRef("r:5000/app", "1.2")),
    "both forms: the ref counts": (
        {"latestImage": "r/app:1.1", "latestRef": {"name": "r/app", "tag": "1.2"}},
        LatestRef("r/app", "1.2"),
    ),
    "image without a tag": ({"latestImage": "r:5000/app"}, None),
    "nothing selected yet": ({"conditions": []}, None),
    "no status": (None, None),
}


@pytest.mark.parametrize(("status", "ref"), STATUSES.values(), ids=STATUSES)
def test_status_gives_the_ref_that_the_cluster_reported(status: object, ref: LatestRef | None) -> None:
    assert from_status(status) == ref


def test_each_part_of_a_ref_is_what_its_marker_writes() -> None:
    ref = LatestRef("ghcr.io/org/app", "1.2.3", DIGEST)
    assert [ref.part(part) for part in ("", "name", "tag", "digest")] == [
        f"ghcr.io/org/app:1.2.3@{DIGEST}",
        "ghcr.io/org/app",
        "1.2.3",
        DIGEST,
    ]
    assert str(LatestRef("app", "1")) == "app:1"


# What a status says of its tag, and what is said about it; None for a text.
WRITTEN = {
    "quoted": ("'1.10'", None),
    "three parts": ("1.10.0", None),
    "a v": ("v1.10", None),
    "a date": ("2024-01-31", None),
    "a float": ("1.10", "the number 1.1"),
    "a float with an exponent": ("1e3", "the number 1000.0"),
    "an integer": ("20240131", "the number 20240131"),
    "an octal": ("0755", "the number 493"),
    "a hexadecimal": ("0x10", "the number 16"),
    "zero": ("0", "the number 0"),
    "a boolean": ("true", "true"),
    "a list": ("[1.10]", "[1.1]"),
}


@pytest.mark.parametrize(("written", "problem"), WRITTEN.values(), ids=WRITTEN)
def test_a_tag_that_yaml_does_not_read_as_a_text_is_refused(written: str, problem: str | None) -> None:
    status = load(f"latestRef: {{name: r/app, tag: {written}}}")
    if problem is None:
        assert from_status(status) == LatestRef("r/app", written.strip("'"))
        return
    with pytest.raises(ResourceError) as refused:
        from_status(status)
    assert str(refused.value) == f"status.latestRef.tag: must be a string, not {problem}"
    assert "put it in quotes" in refused.value.hint


@pytest.mark.parametrize("field", ["name: 1.10, tag: a", "name: r/app, tag: a, digest: 12"])
def test_the_other_texts_of_a_status_are_refused_alike(field: str) -> None:
    with pytest.raises(ResourceError, match="must be a string"):
        from_status(load(f"latestRef: {{{field}}}"))


# A status that no cluster writes, and what is wrong with it.
INVALID = {
    "a tag with a slash": ("latestRef: {name: r/app, tag: 1.0/1}", "status.latestRef.tag: '1.0/1' is not a valid tag"),
    "a variable": ("latestRef: {name: r/app, tag: '${TAG}'}", "status.latestRef.tag: '${TAG}' is not a valid tag"),
    "a line break": ('latestRef: {name: r/app, tag: "1.0\\n"}', "status.latestRef.tag: '1.0\\n' is not a valid tag"),
    "a comment": ("latestRef: {name: r/app, tag: '1 # x'}", "status.latestRef.tag: '1 # x' is not a valid tag"),
    "another script's digits": ("latestRef: {name: r/app, tag: ١.٢}", "status.latestRef.tag: '١.٢' is not a valid tag"),
    "a name with a blank": ("latestRef: {name: r/a b, tag: a}", "status.latestRef.name: 'r/a b' is not a valid name"),
    "a digest with a quote": (
        'latestRef: {name: r/app, tag: a, digest: "sha256:a\'"}',
        'status.latestRef.digest: "sha256:a\'" is not a valid digest',
    ),
    "the older form": ("latestImage: r/app:1,0", "status.latestImage: its tag: '1,0' is not a valid tag"),
}


@pytest.mark.parametrize(("status", "problem"), INVALID.values(), ids=INVALID)
def test_what_no_registry_has_is_refused_in_a_status(status: str, problem: str) -> None:
    with pytest.raises(ResourceError) as refused:
        from_status(load(status))
    assert str(refused.value) == problem
    assert refused.value.hint == "the cluster writes it; export the policy again, or remove its status"


POLICY = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: app, namespace: flux-system}
spec: {imageRepositoryRef: {name: app}, policy: {alphabetical: {}}%s}
status: {latestRef: {name: r.example.com/app, tag: 1.10}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: app, namespace: flux-system}
spec: {image: r.example.com/app}
"""


@pytest.mark.parametrize(
    ("suspend", "arguments"),
    [("", ("--from", "status")), (", suspend: true", ("--no-cache",))],
    ids=["a status", "a suspended policy"],
)
def test_no_field_gets_what_is_left_of_a_number(
    suspend: str,
    arguments: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    text = 'image: r.example.com/app:1.9 # {"$imagepolicy": "flux-system:app"}\n'
    Path("app.yaml").write_text(text)
    Path("policy.yaml").write_text(POLICY % suspend)
    assert main(["update", *arguments]) == 1
    assert Path("app.yaml").read_text() == text
    assert capsys.readouterr().err == (
        "app.yaml:1: error: flux-system:app: status.latestRef.tag: must be a string, not the number 1.1 (ImagePolicy "
        "flux-system:app in policy.yaml:1); put it in quotes, as `kubectl get imagepolicies -A -o yaml` prints it\n"
    )
