"""Links come from an image's labels, which are anybody's text: only what is surely a link to the sources is taken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagesetter.cli.main import main
from imagesetter.cli.reports.links import REVISION, SOURCE, links_between
from imagesetter.cli.reports.update import Links
from support.registries import push_image, run_registry

OLD, NEW = "0123456789abcdef0123456789abcdef01234567", "89abcdef0123456789abcdef0123456789abcdef"


def labels(source: str, revision: str = "") -> dict[str, str]:
    return {SOURCE: source, **({REVISION: revision} if revision else {})}


@pytest.mark.parametrize(
    ("source", "commit", "compare"),
    [
        ("https://github.com/org/app", f"/commit/{NEW}", f"/compare/{OLD}...{NEW}"),
        ("https://github.com/org/app.git", f"/commit/{NEW}", f"/compare/{OLD}...{NEW}"),
        ("https://gitlab.example.com/a/b/c", f"/-/commit/{NEW}", f"/-/compare/{OLD}...{NEW}"),
        ("https://codeberg.org/org/app/", f"/commit/{NEW}", f"/compare/{OLD}...{NEW}"),
        ("https://bitbucket.org/org/app", f"/commits/{NEW}", f"/branches/compare/{NEW}%0D{OLD}"),
        ("https://git.example.com/org/app", None, None),
    ],
    ids=["GitHub", "with .git", "a GitLab of one's own", "Codeberg", "Bitbucket", "a host we do not know"],
)
def test_each_host_has_its_own_views(source: str, commit: str | None, compare: str | None) -> None:
    base = source.rstrip("/").removesuffix(".git")
    found = links_between(labels(source, OLD), labels(source, NEW))
    assert found == Links(base, NEW, base + commit if commit else "", base + compare if compare else "")


@pytest.mark.parametrize(
    "source",
    [
        "javascript:alert(1)",
        "http://github.com/org/app",
        "https://github.com/org/app](https://evil.example.com",
        "https://user:pw@github.com/org/app",
        "https://github.com/org/../../evil",
        "https://github.com/org/app\n\n# hello",
        "https://github.com",
        "git@github.com:org/app.git",
    ],
)
def test_what_is_not_plainly_a_repository_is_no_link(source: str) -> None:
    assert links_between(labels(source, OLD), labels(source, NEW)) == Links()


@pytest.mark.parametrize("revision", ["a b", "x...y", ")[a](b", "é" * 8, ""])
def test_what_is_no_revision_gives_the_source_alone(revision: str) -> None:
    source = "https://github.com/org/app"
    assert links_between(labels(source, OLD), labels(source, revision)) == Links(source)


def test_revisions_of_different_sources_are_not_compared() -> None:
    found = links_between(labels("https://github.com/org/old", OLD), labels("https://github.com/org/app", NEW))
    assert (found.commit, found.compare) == (f"https://github.com/org/app/commit/{NEW}", "")


def test_the_report_links_to_what_the_images_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with run_registry("2.8", folder=tmp_path / "registry") as registry:
        for tag, revision in (("1.0.0", OLD), ("1.1.0", NEW)):
            push_image(registry, "app", [tag], labels=labels("https://github.com/org/app", revision))
        push_image(registry, "plain", ["1.0.0", "1.1.0"])
        flux = {"apiVersion": "image.toolkit.fluxcd.io/v1"}
        fields = []
        resources = []
        for name in ("app", "plain"):
            image = f"{registry.host}/{name}"
            meta = {**flux, "metadata": {"name": name}}
            spec = {"imageRepositoryRef": {"name": name}, "policy": {"semver": {"range": "1.x"}}}
            resources += [{**meta, "kind": "ImageRepository", "spec": {"image": image, "insecure": True}}]
            resources += [{**meta, "kind": "ImagePolicy", "spec": spec}]
            fields.append(f'{name}: {image}:1.0.0 # {{"$imagepolicy": "flux-system:{name}"}}')
        fields.append(f'gone: {registry.host}/app:0.9.0 # {{"$imagepolicy": "flux-system:app"}}')
        (tmp_path / "policies.yaml").write_text("\n---\n".join(map(json.dumps, resources)))
        (tmp_path / "app.yaml").write_text("\n".join(fields) + "\n")
        options = ("--check", "--links", "--allow-registry", registry.host)
        assert main(["update", *options, "--output", "markdown=a.md", "--output", "json=a.json"]) == 1
    compare = f"https://github.com/org/app/compare/{OLD}...{NEW}"
    printed = capsys.readouterr().out
    assert f"  {compare}\n" in printed
    document = json.loads(Path("a.json").read_text())
    assert [each["links"]["compare"] for each in document["changes"]] == [compare, None, None]
    assert [each["links"]["source"] is None for each in document["changes"]] == [False, True, False]
    assert [each["message"] for each in document["results"] if "no links" in each["message"]]
    assert f"| [source](https://github.com/org/app), [`{NEW[:12]}`](https://github.com/org/app/commit/{NEW}), " in (
        Path("a.md").read_text()
    )
