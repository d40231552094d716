"""What of a field's text a marker speaks for: the part that fits it, and not one character around it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imagesetter.errors import FieldError
from imagesetter.fields.field import Location, MarkedField
from imagesetter.fields.field_text import fitting_part, looks_like_a_version, read_field
from imagesetter.flux.latest_ref import LatestRef, Part
from imagesetter.flux.markers import Marker, PolicyName
from krm_functions.yaml.scan import scalars
from support.sandbox import IMAGE, POLICIES, Sandbox, open_sandbox

NEW = "1.4.2"
OLD_DIGEST = "sha256:" + "c" * 64
REF = LatestRef(IMAGE, NEW)


@pytest.fixture
def sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with open_sandbox(tmp_path, capsys, monkeypatch) as found:
        found.registry.push(NEW)
        yield found


def becomes(part: Part, path: tuple[str | int, ...], value: str, ref: LatestRef = REF) -> str:
    text = read_field(Marker(PolicyName("flux-system", "web"), part), path, value, ref.name, looks_like_a_version)
    return text.with_part(part, ref, ref.digest)


# Key, text, the marker's part, and the part that fits.
UNFIT: dict[str, tuple[str, str, Part, Part]] = {
    "a whole image in tag": ("tag", "1.0.0", "", "tag"),
    "a whole image in newTag": ("newTag", "1.0.0", "", "tag"),
    "a whole image in newTag, whatever it holds": ("newTag", "main-3f2a1b", "", "tag"),
    "a whole image in newTag, where an update put one": ("newTag", f"{IMAGE}:1.0.5", "", "tag"),
    "a whole image in an empty tag": ("tag", "", "", "tag"),
    "a whole image in imageTag": ("imageTag", "latest", "", "tag"),
    "a whole image in image_tag": ("image_tag", "latest", "", "tag"),
    "a whole image in WEB_TAG": ("WEB_TAG", "v1", "", "tag"),
    "a whole image in version": ("version", "1.0.0", "", "tag"),
    "a whole image in appVersion": ("appVersion", "v2", "", "tag"),
    "a whole image in a pinned tag": ("tag", f"1.0.0@{OLD_DIGEST}", "", "tag"),
    "a whole image in a value that is a version": ("value", "1.0.0", "", "tag"),
    "a whole image in an item that is a version": ("", "v1.0.0-rc.1", "", "tag"),
    "a whole image in digest": ("digest", OLD_DIGEST, "", "digest"),
    "a whole image in a value that is a digest": ("value", OLD_DIGEST, "", "digest"),
    "a whole image in newName": ("newName", IMAGE, "", "name"),
    "a whole image in newName, where an update put one": ("newName", f"{IMAGE}:1.0.5", "", "name"),
    "a whole image in repository": ("repository", IMAGE, "", "name"),
    "a tag in image": ("image", f"{IMAGE}:1.0.0", "tag", ""),
    "a tag in image, where an update put one": ("image", "1.0.5", "tag", ""),
    "a tag in sidecarImage": ("sidecarImage", f"{IMAGE}:1.0.0", "tag", ""),
    "a tag in a value that is an image": ("value", f"{IMAGE}:1.0.0", "tag", ""),
    "a tag in an item that is an image": ("", "nginx:1.0.0", "tag", ""),
    "a tag in digest": ("digest", OLD_DIGEST, "tag", "digest"),
    "a tag in newName": ("newName", IMAGE, "tag", "name"),
    "a tag in repository": ("repository", IMAGE, "tag", "name"),
    "a name in tag": ("tag", "1.0.0", "name", "tag"),
    "a name in newTag": ("newTag", "1.0.0", "name", "tag"),
    "a name in version": ("version", "1.0.0", "name", "tag"),
    "a name in image with a tag": ("image", f"{IMAGE}:1.0.0", "name", ""),
    "a name in a value that is an image with a tag": ("value", f"{IMAGE}:1.0.0", "name", ""),
    "a name in a value that is a version": ("value", "1.0.0", "name", "tag"),
    "a name in digest": ("digest", OLD_DIGEST, "name", "digest"),
    "a digest in tag": ("tag", "1.0.0", "digest", "tag"),
    "a digest in image": ("image", f"{IMAGE}:1.0.0", "digest", ""),
    "a digest in repository": ("repository", IMAGE, "digest", "name"),
    "a digest in a value that is a version": ("value", "1.0.0", "digest", "tag"),
    "a digest in a value that is an image": ("value", f"{IMAGE}:1.0.0", "digest", ""),
}


@pytest.mark.parametrize(("key", "value", "part", "right"), UNFIT.values(), ids=UNFIT)
def test_a_part_that_does_not_fit_the_field_is_an_error_that_names_the_right_marker(
    key: str, value: str, part: Part, right: Part
) -> None:
    assert fitting_part(part, key, value) == right
    with pytest.raises(FieldError) as refused:
        becomes(part, ("spec", key) if key else ("spec", 0), value)
    assert refused.value.hint == f'write {{"$imagepolicy": "{Marker(PolicyName("flux-system", "web"), right)}"}}'


FIT: dict[str, tuple[str, str, Part, str]] = {
    "an image": ("image", f"{IMAGE}:1.0.0", "", f"{IMAGE}:{NEW}"),
    "an image that an update made a tag of": ("image", "1.0.5", "", f"{IMAGE}:{NEW}"),
    "an image without a tag": ("image", "nginx", "", f"{IMAGE}:{NEW}"),
    "an image of another repository": ("image", "ghcr.io/old/web:1", "", f"{IMAGE}:{NEW}"),
    "an image with a port": ("image", "localhost:5000/web:1", "", f"{IMAGE}:{NEW}"),
    "an image that is a placeholder": ("image", "<image>", "", f"{IMAGE}:{NEW}"),
    "an image with a space, as Flux has it": ("image", "old:1 more", "", f"{IMAGE}:{NEW}"),
    "a placeholder under any name": ("anything", "<image>", "", f"{IMAGE}:{NEW}"),
    "a tag that is a placeholder": ("anything", "<tag>", "tag", NEW),
    "an empty image": ("image", "", "", f"{IMAGE}:{NEW}"),
    "an image under any name": ("anything", f"{IMAGE}:1.0.0", "", f"{IMAGE}:{NEW}"),
    "a word under any name": ("anything", "old", "", f"{IMAGE}:{NEW}"),
    "an image under version": ("version", f"{IMAGE}:1.0.0", "", f"{IMAGE}:{NEW}"),
    "a repository that is written with its tag": ("repository", f"{IMAGE}:1.0.0", "", f"{IMAGE}:{NEW}"),
    "a tag": ("tag", "1.0.0", "tag", NEW),
    "a tag that an update made an image of": ("tag", f"{IMAGE}:1.0.5", "tag", NEW),
    "a tag that is null": ("tag", "null", "tag", NEW),
    "a tag that is a number": ("tag", "5", "tag", NEW),
    "a tag that is a branch": ("newTag", "main-3f2a1b", "tag", NEW),
    "a version": ("version", "1.0.0", "tag", NEW),
    "a tag under any name": ("anything", "old", "tag", NEW),
    "a name": ("repository", "x", "name", IMAGE),
    "a name that an update made an image of": ("newName", f"{IMAGE}:1.0.5", "name", IMAGE),
    "a name in image without a tag": ("image", IMAGE, "name", IMAGE),
    "a name under any name": ("name", "old", "name", IMAGE),
}


@pytest.mark.parametrize(("key", "value", "part", "after"), FIT.values(), ids=FIT)
def test_a_part_that_fits_replaces_the_whole_text(key: str, value: str, part: Part, after: str) -> None:
    assert fitting_part(part, key, value) == part
    assert becomes(part, ("spec", key), value) == after


def test_a_digest_field_takes_a_digest() -> None:
    ref = LatestRef(IMAGE, NEW, "sha256:" + "a" * 64)
    for value in (OLD_DIGEST, "", "old", "sha256:00"):
        assert becomes("digest", ("digest",), value, ref) == ref.digest


# Text, the marker's part, and the text afterwards; read as an item of a list.
KEPT: dict[str, tuple[str, Part, str]] = {
    "a variable's name": (f"IMG={IMAGE}:1.0.0", "", f"IMG={IMAGE}:{NEW}"),
    "an option": (f"--image={IMAGE}:1.0.0", "", f"--image={IMAGE}:{NEW}"),
    "an option and a space": (f"--image {IMAGE}:1.0.0", "", f"--image {IMAGE}:{NEW}"),
    "a command": (f"docker run --rm {IMAGE}:1.0.0 serve", "", f"docker run --rm {IMAGE}:{NEW} serve"),
    "quotes": (f'{{"image": "{IMAGE}:1.0.0"}}', "", f'{{"image": "{IMAGE}:{NEW}"}}'),
    "an image without a tag": (f"IMG={IMAGE}", "", f"IMG={IMAGE}:{NEW}"),
    "a scheme": (f"oci://{IMAGE}:1.0.0", "", f"oci://{IMAGE}:{NEW}"),
    "a scheme, and no tag": (f"oci://{IMAGE}", "", f"oci://{IMAGE}:{NEW}"),
    "a scheme of skopeo": (f"docker://{IMAGE}:1.0.0", "", f"docker://{IMAGE}:{NEW}"),
    "a scheme in an option": (f"--from=oci://{IMAGE}:1.0.0", "", f"--from=oci://{IMAGE}:{NEW}"),
    "a list, first": (f"{IMAGE}:1.0.0,registry.example.com/x:2", "", f"{IMAGE}:{NEW},registry.example.com/x:2"),
    "a list, last": (f"a:1, b:2, {IMAGE}:1.0.0", "", f"a:1, b:2, {IMAGE}:{NEW}"),
    "a list of names": (f"web={IMAGE}:1.0.0,db=postgres:16", "", f"web={IMAGE}:{NEW},db=postgres:16"),
    "a neighbour with a longer name": (f"{IMAGE}-x:1,{IMAGE}:1.0.0", "", f"{IMAGE}-x:1,{IMAGE}:{NEW}"),
    "a variable beside it": (f"${{OPTS}} {IMAGE}:1.0.0", "", f"${{OPTS}} {IMAGE}:{NEW}"),
    "a template beside it": (f"{{{{ .Values.opts }}}} {IMAGE}:1.0.0", "", f"{{{{ .Values.opts }}}} {IMAGE}:{NEW}"),
    "a variable in another item": (f"${{DB}},{IMAGE}:1.0.0", "", f"${{DB}},{IMAGE}:{NEW}"),
    "an option for a tag": ("-t=1.0.0", "tag", f"-t={NEW}"),
    "a long option for a tag": ("--image-tag=1.0.0", "tag", f"--image-tag={NEW}"),
    "a variable's name for a tag": ("IMAGE_TAG=1.0.0", "tag", f"IMAGE_TAG={NEW}"),
    "a path": ("web/1.0.0", "tag", f"web/{NEW}"),
    "a URL": ("https://dl.example.com/web/1.0.0/web.tgz", "tag", f"https://dl.example.com/web/{NEW}/web.tgz"),
    "a query": (
        "https://github.com/example/web//deploy?ref=v1.0.0&depth=1",
        "tag",
        f"https://github.com/example/web//deploy?ref={NEW}&depth=1",
    ),
    "a fragment": ("https://github.com/example/web.git#1.0.0", "tag", f"https://github.com/example/web.git#{NEW}"),
    "a URL whose host has a port": ("http://dl:8080/web/1.0.0", "tag", f"http://dl:8080/web/{NEW}"),
    "an image's tag in an option": (f"--image={IMAGE}:1.0.0", "tag", f"--image={IMAGE}:{NEW}"),
    "an image's tag behind a scheme": (f"oci://{IMAGE}:1.0.0", "tag", f"oci://{IMAGE}:{NEW}"),
    "the policy's image of a list, its tag": (f"{IMAGE}:1.0.0,x:2.0.0", "tag", f"{IMAGE}:{NEW},x:2.0.0"),
    "a variable for the registry": ("${REGISTRY}/web:1.0.0", "tag", f"${{REGISTRY}}/web:{NEW}"),
    "a default in a variable": (
        "${REGISTRY:=ghcr.io/x:1.2.3}/web:1.0.0",
        "tag",
        f"${{REGISTRY:=ghcr.io/x:1.2.3}}/web:{NEW}",
    ),
    "a template for the registry": ("{{ .Values.registry }}/web:1.0.0", "tag", f"{{{{ .Values.registry }}}}/web:{NEW}"),
    "a shell's variable": ("$REGISTRY/web:1.0.0", "tag", f"$REGISTRY/web:{NEW}"),
    "the policy's image of a list, its tag, beside one of the same": (
        f"A={IMAGE}:1.0.0,B=x:1.0.0",
        "tag",
        f"A={IMAGE}:{NEW},B=x:1.0.0",
    ),
    "a tag beside a longer one": ("dl/1.0.0/web-11.0.0.1.tgz", "tag", f"dl/{NEW}/web-11.0.0.1.tgz"),
    "a scheme for a name": ("oci://" + IMAGE, "name", "oci://" + IMAGE),
    "an option for a name": (f"--repository={IMAGE}:1.0.0", "name", f"--repository={IMAGE}:1.0.0"),
}


@pytest.mark.parametrize(("value", "part", "after"), KEPT.values(), ids=KEPT)
def test_only_the_policys_part_of_a_text_changes(value: str, part: Part, after: str) -> None:
    assert becomes(part, ("args", 0), value) == after
    assert becomes(part, ("args", 0), after) == after


def test_another_spelling_of_the_repository_is_the_policys_image() -> None:
    ref = LatestRef("docker.io/library/nginx", "1.27.3")
    assert becomes("", ("args", 0), "IMG=nginx:1.0.0", ref) == "IMG=docker.io/library/nginx:1.27.3"
    assert becomes("name", ("args", 0), "oci://index.docker.io/library/nginx", ref) == "oci://docker.io/library/nginx"


def test_a_digest_in_other_text_is_replaced_alone() -> None:
    ref = LatestRef(IMAGE, NEW, "sha256:" + "a" * 64)
    assert becomes("digest", ("args", 0), f"--digest={OLD_DIGEST}", ref) == f"--digest={ref.digest}"


UNCLEAR: dict[str, tuple[str, Part, str]] = {
    "another image": ("IMG=registry.example.com/other:1.0.0", "", "no part of"),
    "the image twice": (f"{IMAGE}:1.0.0,{IMAGE}:1.0.0", "", "more than one part of"),
    "the image and a copy without a tag": (f"{IMAGE}:1.0.0 {IMAGE}", "", "more than one part of"),
    "a longer path": (f"https://{IMAGE}:1.0.0/web.tgz", "", "no part of"),
    "a variable for the registry": ("${REGISTRY}/web:1.0.0", "", "no part of"),
    "a template for the registry": ("{{ .Values.registry }}/web:1.0.0", "", "no part of"),
    "a variable as a prefix": (f"${{PREFIX}}{IMAGE}:1.0.0", "", "no part of"),
    "a variable as a suffix": (f"{IMAGE}:1.0.0-${{ARCH}}", "", "no part of"),
    "a variable alone": ("${IMAGE}", "", "no part of"),
    "a template alone": ("{{ .Values.image }}", "", "no part of"),
    "two versions": ("web-1.0.0/1.0.1 1.0.2", "tag", "more than one part of"),
    "no version": ("https://dl.example.com/web/latest/web.tgz", "tag", "no part of"),
    "a version in a word": ("web-1.0.0.tgz?x=y", "tag", "no part of"),
    "a tag that stands in a word, too": ("https://dl.example.com/v1.0.0/web_1.0.0.tgz", "tag", "more than one part of"),
    "a tag that stands before it, too": ("web_1.0.0.tgz?ref=v1.0.0", "tag", "more than one part of"),
    "a tag with a variable behind it": ("x=1.0.0-${ARCH}", "tag", "no part of"),
    "a tag with a variable before it": ("x=${BRANCH}1.0.0", "tag", "no part of"),
    "a tag that is a variable": ("${TAG}", "tag", "no part of"),
    "a tag that is a template": ("{{ .Values.tag }}", "tag", "no part of"),
    "two images of other policies": ("a:1.0.0,b:1.0.0", "tag", "more than one part of"),
    "another name": ("oci://registry.example.com/other", "name", "no part of"),
    "two digests": (f"{OLD_DIGEST},{OLD_DIGEST}", "digest", "more than one part of"),
    "no digest": ("--digest=none", "digest", "no part of"),
}


@pytest.mark.parametrize(("value", "part", "reason"), UNCLEAR.values(), ids=UNCLEAR)
def test_a_text_of_which_nobody_can_tell_the_part_is_an_error(value: str, part: Part, reason: str) -> None:
    with pytest.raises(FieldError) as refused:
        becomes(part, ("args", 0), value)
    assert reason in str(refused.value)
    assert refused.value.hint


@pytest.mark.parametrize("part", ["", "tag", "name", "digest"])
def test_nothing_of_a_policy_is_the_end_of_a_tag(part: Part) -> None:
    """kustomize would make 1.0.01.4.2 of it."""
    with pytest.raises(FieldError) as caught:
        becomes(part, ("images", 0, "tagSuffix"), "-alpine")
    assert caught.value.what.endswith(", and tagSuffix holds what stands behind the tag")
    assert caught.value.hint == 'mark newTag instead, with {"$imagepolicy": "flux-system:web:tag"}'


@pytest.mark.parametrize("part", ["", "name"])
@pytest.mark.parametrize("value", [IMAGE.rpartition("/")[0], "ghcr.io", "localhost:5000/"])
def test_a_registry_does_not_become_a_repository(part: Part, value: str) -> None:
    with pytest.raises(FieldError) as caught:
        becomes(part, ("image", "registry"), value)
    assert caught.value.what.endswith(", and registry holds a registry")
    assert caught.value.hint == "take the marker away, and mark the repository beside it"


def test_a_repository_in_a_field_called_registry_is_followed() -> None:
    assert becomes("name", ("registry",), IMAGE) == IMAGE


def test_an_image_of_which_only_the_tag_is_clear_names_the_marker_of_the_tag() -> None:
    with pytest.raises(FieldError) as refused:
        becomes("", ("image",), "${REGISTRY}/web:1.0.0")
    assert refused.value.hint == (
        'if only its tag follows the policy, write {"$imagepolicy": "flux-system:web:tag"}; else put what the policy '
        "selects into a field of its own, or take the marker away"
    )


@pytest.mark.parametrize("value", ["${IMAGE}", "{{ .Values.image }}", f"${{R}}/{IMAGE}:1.0.0"])
def test_a_variable_in_an_image_is_not_overwritten_either(value: str) -> None:
    with pytest.raises(FieldError):
        becomes("", ("image",), value)


def test_a_tag_of_an_image_with_a_variable_is_followed_by_its_tag() -> None:
    assert becomes("tag", ("image",), "${REGISTRY}/web:1.0.0") == f"${{REGISTRY}}/web:{NEW}"


def mark(part: str = "") -> str:
    return f'# {{"$imagepolicy": "flux-system:web{part}"}}'


def test_update_writes_what_fits_and_an_error_for_each_field_that_does_not(sandbox: Sandbox) -> None:
    text = (
        f"image: {IMAGE}:1.4.0 {mark()}\n"
        f"newTag: 1.4.0 {mark()}\n"
        f"args:\n- IMG={IMAGE}:1.4.0 {mark()}\n- ${{IMG}} {mark()}\n"
    )
    sandbox.write("app.yaml", text)
    ran = sandbox.run("update")
    assert ran.status == 1
    assert ran.err.splitlines() == [
        "app.yaml:2: error: flux-system:web writes a whole image, and newTag holds a tag; "
        'write {"$imagepolicy": "flux-system:web:tag"}',
        f"app.yaml:5: error: flux-system:web: no part of '${{IMG}}' is an image of {IMAGE}, so it is unclear what to "
        "replace; put what the policy selects into a field of its own, or take the marker away",
    ]
    assert sandbox.text("app.yaml") == text.replace(f"{IMAGE}:1.4.0", f"{IMAGE}:{NEW}")
    assert "2 fields changed, 0 up to date (2 files read); 2 errors, see above" in ran.out


RULES: dict[str, tuple[str, str, str]] = {
    "a range reads versions with two dots": ("semver: {range: 1.x}", "x=1.4.0 y=1.4", f"x={NEW} y=1.4"),
    "a number is one": ("numerical: {order: asc}", "build/7/log", "build/9/log"),
    "any word will do for the alphabet": ("alphabetical: {order: asc}", "-t=latest", "-t=z9"),
}


@pytest.mark.parametrize(("rule", "before", "after"), RULES.values(), ids=RULES)
def test_the_policys_own_rule_says_what_a_tag_is(rule: str, before: str, after: str, sandbox: Sandbox) -> None:
    tags = {"semver": ["1.4.0", NEW], "numerical": ["7", "9"], "alphabetical": ["a", "z9"]}[rule.partition(":")[0]]
    sandbox.registry.contents = {tag: tag for tag in tags}
    sandbox.write("policies.yaml", POLICIES.replace("semver: {range: 1.x}", rule))
    sandbox.write("app.yaml", f"args:\n- {before} {mark(':tag')}\n")
    ran = sandbox.run("update")
    assert (ran.status, sandbox.text("app.yaml")) == (0, f"args:\n- {after} {mark(':tag')}\n"), ran


def test_a_filter_says_what_a_tag_is(sandbox: Sandbox) -> None:
    sandbox.registry.contents = {"main-7": "", "main-9": ""}
    filtered = "numerical: {order: asc}}\n  filterTags: {pattern: '^main-(?P<n>[0-9]+)$', extract: $n"
    sandbox.write("policies.yaml", POLICIES.replace("semver: {range: 1.x}", filtered))
    sandbox.write("app.yaml", f"url: https://dl.example.com/7/main-7/x.tgz {mark(':tag')}\n")
    ran = sandbox.run("update")
    assert sandbox.text("app.yaml") == f"url: https://dl.example.com/7/main-9/x.tgz {mark(':tag')}\n", ran


PLAIN: dict[str, str] = {
    "a list": f"args: {IMAGE}:1.4.0,x:2 {mark()}\n",
    "a variable": f"args: ${{REGISTRY}}/web:1.4.0 {mark(':tag')}\n",
    "a query": f"args: https://dl.example.com/web?ref=1.4.0 {mark(':tag')}\n",
    "an item of a list": f"args:\n- IMG={IMAGE}:1.4.0,DB=x {mark()}\n",
    "single quotes": f"args: '{IMAGE}:1.4.0,x:2' {mark()}\n",
    "a literal block": f"args: | {mark()}\n  A={IMAGE}:1.4.0\n\n    B=x:2  \n",
    "a folded block": f"args: >2- {mark()}\n    docker run\n\n  {IMAGE}:1.4.0\n  serve\n",
    "a literal block of one line": f"args: | {mark()}\n  docker run {IMAGE}:1.4.0\n",
    "a flow collection": f"args: [\n  '{IMAGE}:1.4.0,x:2', {mark()}\n  --image={IMAGE}:1.4.0 {mark()}\n]\n",
}


@pytest.mark.parametrize("text", PLAIN.values(), ids=PLAIN)
def test_the_style_of_a_text_stays(text: str, sandbox: Sandbox) -> None:
    sandbox.write("app.yaml", text)
    ran = sandbox.run("update")
    assert (ran.status, sandbox.text("app.yaml")) == (0, text.replace("1.4.0", NEW)), ran


BESIDE: dict[str, tuple[str, str]] = {
    "the policy's registry": (
        f"registry: registry.example.com\nrepository: web {mark(':name')}\ntag: 1.4.0 {mark(':tag')}\n",
        f"registry: registry.example.com\nrepository: web {mark(':name')}\ntag: {NEW} {mark(':tag')}\n",
    ),
    "an image": (
        f"registry: 'registry.example.com'\nimage: web:1.4.0 {mark()}\n",
        f"registry: 'registry.example.com'\nimage: web:{NEW} {mark()}\n",
    ),
    "a name that has the registry": (
        f"registry: ''\nrepository: registry.example.com/old {mark(':name')}\n",
        f"registry: ''\nrepository: {IMAGE} {mark(':name')}\n",
    ),
    "no registry": (
        f"registry:\nrepository: web {mark(':name')}\n",
        f"registry:\nrepository: {IMAGE} {mark(':name')}\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), BESIDE.values(), ids=BESIDE)
def test_a_name_beside_its_registry_does_not_get_it_twice(before: str, after: str, sandbox: Sandbox) -> None:
    sandbox.write("app.yaml", before)
    ran = sandbox.run("update")
    assert (ran.status, sandbox.text("app.yaml")) == (0, after), ran


HUB = {
    "the field's own spelling of the same image": ("docker.io", "library/nginx", "nginx", "library/nginx"),
    "another image by its short name": ("docker.io", "old/web", "bitnami/redis", "bitnami/redis"),
    "an image with another name of the same registry": (
        "index.docker.io",
        "old/web",
        "docker.io/bitnami/redis",
        "bitnami/redis",
    ),
    "an image with its registry": ("docker.io", "library/nginx", "docker.io/library/nginx", "library/nginx"),
}


@pytest.mark.parametrize(("registry", "written", "image", "name"), HUB.values(), ids=HUB)
def test_a_name_beside_docker_hub_is_compared_as_docker_reads_it(
    registry: str, written: str, image: str, name: str
) -> None:
    """Charts such as Bitnami's keep the registry apart, and policies leave it out."""
    [scalar] = scalars(f"repository: {written}\n")
    marked = MarkedField(Marker(PolicyName("flux-system", "web"), "name"), scalar, Location("a"), registry=registry)
    ref = LatestRef(image, NEW)
    assert marked.written(marked.read(ref), ref, "") == name


def test_a_name_beside_another_registry_is_an_error(sandbox: Sandbox) -> None:
    text = f"registry: ${{REGISTRY}}\nrepository: web {mark(':name')}\n"
    sandbox.write("app.yaml", text)
    ran = sandbox.run("update")
    assert (ran.status, sandbox.text("app.yaml")) == (1, text)
    assert ran.err.splitlines() == [
        f"app.yaml:2: error: flux-system:web:name writes {IMAGE}, and the registry ${{REGISTRY}} stands beside this "
        "field; take the marker away, or write the registry into this field"
    ]
