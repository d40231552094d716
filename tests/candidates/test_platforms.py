"""Platforms, on images and indexes that crane made, in a real registry: through lock, explain and update."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imagesetter.config.function_config import parse_function_config
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.resources import resource
from imagesetter.lock.document import parse_lock
from krm_functions.errors import UsageError
from krm_functions.function_config import FunctionConfig
from krm_functions.yaml.load import load_all
from support.registries import push_image, run_registry
from support.runs import Ran, run_here, write_files
from support.sandbox import POLICIES, Sandbox
from tools import require_tool

Run = Callable[..., Ran]
WEB = "flux-system:web"


class Crane:
    """Pushes images and indexes of them."""

    def __init__(self, host: str, folder: Path) -> None:
        self.host = host
        self.layer = folder / "layer.tar.gz"
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as archive:
            archive.addfile(tarfile.TarInfo("empty"))
        self.layer.write_bytes(gzip.compress(data.getvalue(), mtime=0))
        self.run("append", "-f", str(self.layer), "-t", f"{host}/web:base", "--oci-empty-base")

    def run(self, *arguments: str) -> None:
        subprocess.run([require_tool("crane"), *arguments, "--insecure"], check=True, capture_output=True)

    def image(self, tag: str, platform: str) -> str:
        self.run("mutate", f"{self.host}/web:base", "--set-platform", platform, "-t", f"{self.host}/web:{tag}")
        return f"{self.host}/web:{tag}"

    def index(self, tag: str, *platforms: str) -> None:
        images = [self.image(f"part-{platform.replace('/', '-')}", platform) for platform in platforms]
        self.run("index", "append", *(f"--manifest={each}" for each in images), "-t", f"{self.host}/web:{tag}")


@pytest.fixture(scope="module")
def crane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crane]:
    """A registry in which each version lacks something else."""
    with run_registry("v3", folder=tmp_path_factory.mktemp("registry")) as running:
        made = Crane(running.host, tmp_path_factory.mktemp("crane"))
        made.index("1.0.0", "linux/amd64", "linux/arm64/v8", "linux/arm/v6")
        made.index("1.1.0", "linux/amd64", "linux/arm/v7")
        made.image("1.2.0", "linux/amd64")
        made.index("1.3.0", "linux/amd64")
        # What buildx adds: an attestation beside the image, for a platform that there is not.
        push_image(running, "web", ["1.4.0"], platforms=["linux/arm64", "unknown/unknown"])
        yield made


@pytest.fixture
def run(crane: Crane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command where a policy asks for platforms; the host is written as HOST."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("IMAGESETTER_ALLOW_LOOPBACK", "true")

    def ran(platforms: str, *arguments: str) -> Ran:
        text = POLICIES.replace("registry.example.com", crane.host).replace(
            "interval: 5m", "interval: 5m, insecure: true"
        )
        text = text.replace("annotations: {}", f"annotations: {{imagesetter.dev/platforms: '{platforms}'}}")
        write_files(tmp_path, {"policies.yaml": text})
        done = run_here(capsys, *arguments)
        return Ran(done.status, done.out.replace(crane.host, "HOST"), done.err.replace(crane.host, "HOST"))

    return ran


@pytest.mark.parametrize(
    ("platforms", "chosen"),
    [
        ("linux/arm64", "1.4.0"),
        ("linux/arm64/v8", "1.4.0"),
        ("linux/amd64", "1.3.0"),
        ("linux/x86_64", "1.3.0"),
        ("linux/amd64,linux/arm64", "1.0.0"),
        ("linux/arm64/v8, linux/amd64", "1.0.0"),
        ("linux/arm", "1.1.0"),
        ("linux/arm/v6", "1.0.0"),
        ("linux/amd64/v3", "1.3.0"),
    ],
)
def test_the_best_tag_that_has_all_platforms_is_chosen(run: Run, platforms: str, chosen: str) -> None:
    ran = run(platforms, "explain", "web", "--limit", "0")
    assert (ran.status, f"→ HOST/web:{chosen}\n" in ran.out) == (0, True), str(ran)


def test_an_explanation_has_a_row_for_the_rule_and_a_reason_for_each_tag(run: Run) -> None:
    ran = run("linux/amd64,linux/arm64", "explain", "web", "--limit", "0")
    assert ran.out == (
        "flux-system:web  (policies.yaml:6)\n"
        "HOST/web  semver 1.x\n"
        "\n"
        "  listed            10\n"
        "  excluded       0  10\n"
        "  filtered       0  10\n"
        "  unparsed      -5   5\n"
        "  out of range   0   5\n"
        "  platforms     -4   1\n"
        "  chosen             1\n"
        "\n"
        "→ HOST/web:1.0.0\n"
        "note: 1.4.0 has no image for linux/amd64 (it has linux/arm64)\n"
        "note: 1.3.0 has no image for linux/arm64 (it has linux/amd64)\n"
        "note: 1.2.0 has no image for linux/arm64 (it has linux/amd64)\n"
        "note: 1.1.0 has no image for linux/arm64 (it has linux/amd64 and linux/arm/v7)\n"
    )
    ran = run("linux/amd64,linux/arm64", "explain", "web", "--tag", "1.2.0")
    assert "why not 1.2.0? 1.2.0 has no image for linux/arm64 (it has linux/amd64)\n" in ran.out
    document = json.loads(run("linux/amd64", "explain", "web", "--output", "json").out)
    assert document["passedOver"] == [
        {
            "tag": "1.4.0",
            "rule": "platforms",
            "reason": "1.4.0 has no image for linux/amd64 (it has linux/arm64)",
            "until": None,
        }
    ]


def test_no_tag_for_a_platform_is_an_error_that_names_the_last_reason(run: Run) -> None:
    ran = run("linux/s390x", "lock")
    assert ran.status == 1
    assert (
        "error: flux-system:web: no tag of flux-system:web has images for linux/s390x; 1.0.0 has no image for "
        "linux/s390x (it has linux/amd64, linux/arm64 and linux/arm/v6); build images for these platforms, or change "
        "the platforms of the policy\n"
    ) in ran.err


def test_the_lock_records_the_rule_and_what_it_passed_over_so_that_it_can_be_applied_offline(
    run: Run, tmp_path: Path
) -> None:
    ran = run("linux/amd64", "lock", "--output", "json")
    assert ran.status == 0, str(ran)
    assert [result["tags"] for result in json.loads(ran.out)["results"] if "rule" in result.get("tags", {})] == [
        {"policy": WEB, "rule": "platforms", "tag": "1.4.0"}
    ]
    text = (tmp_path / "images.lock.yaml").read_text()
    (entry,) = parse_lock(text, "x").entries.values()
    assert (entry.tag, entry.rules, entry.passed_over) == ("1.3.0", "platforms", "1.4.0 (platforms)")
    assert "      rules: platforms\n      passedOver: 1.4.0 (platforms)\n" in text
    write = {"app.yaml": 'image: x/web:1.0.0 # {"$imagepolicy": "flux-system:web"}\n'}
    write_files(tmp_path, write)
    assert run("linux/amd64", "update", "--from", "lock").status == 0
    assert "/web:1.3.0 #" in (tmp_path / "app.yaml").read_text()
    ran = run("linux/amd64,linux/arm64", "update", "--from", "lock")
    assert ran.status == 1
    assert "policy flux-system:web has changed since it was locked" in ran.err


def test_what_was_read_by_digest_is_never_requested_again(run: Run, crane: Crane, tmp_path: Path) -> None:
    assert run("linux/amd64,linux/arm64", "lock").status == 0
    before = (tmp_path / "images.lock.yaml").read_bytes()
    blobs = sorted((tmp_path / "cache").rglob("blobs/*"))
    assert run("linux/amd64,linux/arm64", "lock", "--refresh").status == 0
    assert (tmp_path / "images.lock.yaml").read_bytes() == before
    assert sorted((tmp_path / "cache").rglob("blobs/*")) == blobs


def test_a_field_never_goes_back_because_of_a_rule(run: Run, tmp_path: Path) -> None:
    assert run("linux/amd64", "lock").status == 0
    ran = run("linux/amd64,linux/arm64", "lock")
    assert ran.status == 1
    assert (
        "flux-system:web stays locked at 1.3.0, which it ranks above the selected tag, 1.0.0: 1.3.0 has no image for "
        "linux/arm64 (it has linux/amd64); allow it with --allow-downgrade"
    ) in ran.err
    assert run("linux/amd64,linux/arm64", "lock", "--allow-downgrade").status == 0
    assert "tag: 1.0.0\n" in (tmp_path / "images.lock.yaml").read_text()


def test_a_hold_at_a_tag_stands_above_the_platforms(run: Run) -> None:
    assert run("linux/arm64", "hold", "web", "--tag", "1.3.0", "--reason", "we know").status == 0
    ran = run("linux/arm64", "explain", "web", "--limit", "0")
    assert "→ HOST/web:1.3.0\n" in ran.out, str(ran)


def test_a_list_of_tags_says_nothing_of_platforms(sandbox: Sandbox) -> None:
    text = POLICIES.replace("annotations: {}", "annotations: {imagesetter.dev/platforms: linux/arm64}")
    sandbox.write("policies.yaml", text)
    sandbox.write("tags.txt", "1.4.0\n1.5.0\n")
    ran = sandbox.run("explain", "web", "--tags-file", "tags.txt")
    assert ran.status == 0
    assert (
        "→ registry.example.com/web:1.5.0\nnote: platforms: only the registry knows, so this rule is ignored" in ran.out
    )


def test_an_annotation_that_is_no_list_of_platforms_is_named(run: Run) -> None:
    ran = run("linux/amd64,arm64", "lock")
    assert ran.status == 1
    assert (
        "metadata.annotations[\"imagesetter.dev/platforms\"]: 'arm64' is not a platform such as linux/amd64 or "
        "linux/arm64/v8"
    ) in ran.err


def inline(*platforms: object) -> Catalog:
    policy = {"name": "web", "image": "r.example.com/web", "semver": {"range": "1.x"}, "platforms": list(platforms)}
    body = {"apiVersion": "imagesetter.dev/v1alpha1", "kind": "ImageSetter", "spec": {"policies": [policy]}}
    catalog = Catalog()
    catalog.add(
        parse_function_config(FunctionConfig("imagesetter.dev/v1alpha1", "ImageSetter", "i", "", body)).policies
    )
    return catalog


def test_an_inline_policy_has_platforms_of_its_own() -> None:
    policy = inline("linux/arm64", "linux/amd64").policy(PolicyName("flux-system", "web"))
    assert [str(each) for each in policy.platforms] == ["linux/amd64", "linux/arm64"]


@pytest.mark.parametrize("platforms", [[], ["arm64"], [3]], ids=str)
def test_inline_platforms_that_are_none_are_refused_with_their_field(platforms: list[object]) -> None:
    with pytest.raises(UsageError, match=r"spec\.policies\[0\]\.platforms"):
        inline(*platforms)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("linux/amd64", "linux/amd64", True), ("linux/amd64,linux/arm64", "linux/arm64, linux/amd64", True),
     ("linux/amd64", "linux/arm64", False)],
)  # fmt: skip
def test_the_platforms_decide_the_answer_in_whatever_order_they_stand(one: str, other: str, same: bool) -> None:
    names = PolicyName("flux-system", "web")
    assert (inline(*one.split(",")).inputs(names) == inline(*other.split(", ")).inputs(names)) is same


def test_platforms_at_the_top_are_for_the_policies_that_have_none_of_their_own() -> None:
    body = {"apiVersion": "imagesetter.dev/v1alpha1", "kind": "ImageSetter", "spec": {"platforms": ["linux/arm64"]}}
    options = parse_function_config(FunctionConfig("imagesetter.dev/v1alpha1", "ImageSetter", "images", "", body))
    own, other = inline("linux/amd64"), Catalog()
    assert options.rule_defaults == (("imagesetter.dev/platforms", "linux/arm64"),)
    other.add(
        each for number, data in enumerate(load_all(POLICIES, name="x")) if (each := resource(data[0], f"x:{number}"))
    )
    own.rule_defaults = other.rule_defaults = dict(options.rule_defaults)
    name = PolicyName("flux-system", "web")
    assert [[str(each) for each in made.policy(name).platforms] for made in (own, other)] == [
        ["linux/amd64"],
        ["linux/arm64"],
    ]


SETTER = """\
apiVersion: imagesetter.dev/v1alpha1
kind: ImageSetter
metadata: {name: images}
spec:
  platforms: PLATFORMS
  policies:
    - {name: web, image: HOST/web, semver: {range: 1.x}, insecure: true}
    - {name: other, image: HOST/web, semver: {range: 1.x}, insecure: true, platforms: [linux/arm64]}
"""


@pytest.mark.parametrize(
    ("platforms", "expected"),
    [("[linux/amd64]", "→ HOST/web:1.3.0\n"), ("5", "'5' is not a platform such as"), ("[]", "→ HOST/web:1.4.0\n")],
)
def test_policies_of_an_image_setter_among_the_files_have_what_stands_at_its_top(
    run: Run, crane: Crane, tmp_path: Path, platforms: str, expected: str
) -> None:
    write_files(tmp_path, {"setter.yaml": SETTER.replace("HOST", crane.host).replace("PLATFORMS", platforms)})
    ran = run("linux/amd64", "explain", "web", "--policies", "setter.yaml", "--limit", "0")
    assert expected in ran.out + ran.err
    ran = run("linux/amd64", "explain", "other", "--policies", "setter.yaml", "--limit", "0")
    assert "→ HOST/web:1.4.0\n" in ran.out


def test_platforms_at_the_top_do_not_count_where_the_lock_has_decided() -> None:
    spec = {"platforms": ["linux/arm64"], "from": "lock"}
    body = {"apiVersion": "imagesetter.dev/v1alpha1", "kind": "ImageSetter", "spec": spec}
    config = FunctionConfig("imagesetter.dev/v1alpha1", "ImageSetter", "images", "", body)
    assert parse_function_config(config).rule_defaults == ()


LIST = """\
apiVersion: config.kubernetes.io/v1
kind: ResourceList
functionConfig:
  apiVersion: imagesetter.dev/v1alpha1
  kind: ImageSetter
  metadata: {name: images}
  spec: {platforms: [linux/amd64, linux/arm64]}
items:
- apiVersion: v1
  kind: Pod
  metadata: {name: web}
  spec:
    containers:
    - name: web
      image: HOST/web:0.9.0 # {"$imagepolicy": "flux-system:web"}
"""


def test_platforms_at_the_top_are_for_the_policies_among_the_items_of_a_function(
    run: Run, crane: Crane, tmp_path: Path
) -> None:
    policies = POLICIES.replace("interval: 5m", "interval: 5m, insecure: true")
    items = "".join(f"- {text}" for text in policies.split("---\n"))
    items = "\n".join(line if line.startswith("- ") else f"  {line}" for line in items.splitlines())
    text = (LIST + items + "\n").replace("HOST", crane.host).replace("registry.example.com", crane.host)
    write_files(tmp_path, {"list.yaml": text})
    ran = run("linux/amd64", "fn", "list.yaml")
    assert (ran.status, "image: HOST/web:1.0.0 # {" in ran.out) == (0, True), str(ran)
    assert "1.4.0 has no image for linux/amd64 (it has linux/arm64)" in ran.out


def test_an_error_says_that_only_the_best_tags_were_looked_at(sandbox: Sandbox) -> None:
    sandbox.write(
        "policies.yaml", POLICIES.replace("annotations: {}", "annotations: {imagesetter.dev/minimum-age: 3d}")
    )
    sandbox.registry.push(*(f"1.5.{number}" for number in range(60)))
    ran = sandbox.run("lock", "--unseen", "wait")
    assert ran.status == 1
    assert "none of the 50 best tags of flux-system:web is 3d old yet; 1.5.10 is not 3d old until" in ran.err
