"""Targets that are files: YAML texts, ResourceLists and what the function makes of them, locks, configurations."""

from __future__ import annotations

from functools import partial

from fuzz.target import Target

NEEDLE = "$imagepolicy"
HEAD = b"apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
FLUX = b"""\
- apiVersion: image.toolkit.fluxcd.io/v1
  kind: ImageRepository
  metadata: {name: app, namespace: flux-system}
  spec: {image: r.example.com/app}
- apiVersion: image.toolkit.fluxcd.io/v1
  kind: ImagePolicy
  metadata:
    name: app
    namespace: flux-system
  spec: {imageRepositoryRef: {name: app}, policy: {semver: {range: 1.0.x}}}
  status: {latestRef: {name: r.example.com/app, tag: 1.0.10}}
"""
WEB = b"""\
- apiVersion: apps/v1
  kind: Deployment
  metadata:
    name: web
    annotations:
      config.kubernetes.io/path: a/web.yaml
      imagesetter.dev/fields: |
        spec.tag: app:tag
  spec:
    tag: 1.0.0 # a comment
    image:   'r.example.com/app:1.0.0'   # {"$imagepolicy": "flux-system:app"}
    containers: [{name: a, image: "r.example.com/app:1.0.1"}, {name: b}]
"""
SETTER = b"""\
functionConfig:
  apiVersion: imagesetter.dev/v1alpha1
  kind: ImageSetter
  metadata: {name: x, namespace: flux-system}
  spec:
    from: status
    bindByImage: true
    targets:
    - select: {kind: Deployment, labelSelector: "a in (b)"}
      fieldPaths: ["spec.containers[name=a].image"]
      policy: app
    policies:
    - {name: app, image: r.example.com/app, semver: {range: 1.x}}
"""
OPTIONS = b"functionConfig:\n  apiVersion: v1\n  kind: ConfigMap\n  data:\n    from: status\n    strict: 'true'\n"
LOCK = b"""\
# a comment
apiVersion: imagesetter.dev/v1alpha1
kind: ImageLock
metadata:
  name: images
spec:
  entries:
    # about app
    - policy: flux-system:app
      image: r.example.com/app
      tag: 1.0.10 # why
      digest: "sha256:00"
      inputs: abc
      candidates: 3
      changed: "2026-01-01T00:00:00Z"
  holds:
    - policy: flux-system:app
      exclude: 1.0.11
      reason: broken
      until: "2030-01-01"
  seen:
    - {policy: "flux-system:app", tag: 1.0.12, digest: "sha256:01", since: "2026-01-01T00:00:00Z"}
"""
YAML_WORDS = (
    b"\n",
    b"\r\n",
    b"---\n",
    b"...\n",
    b"- ",
    b": ",
    b"? ",
    b"# ",
    b"&a ",
    b"*a",
    b"!!str ",
    b"!!int ",
    b"<<: *a",
    b"|\n",
    b">-\n",
    b"|2\n",
    b"{",
    b"}",
    b"[",
    b"]",
    b"'",
    b'"',
    b"''",
    b"\t",
    b"\xef\xbb\xbf",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"%YAML 1.1\n",
    b"%TAG ! x\n",
    b'# {"$imagepolicy": "flux-system:app"}',
    b'# {"$imagepolicy": "flux-system:app:tag"}',
    b"~",
    b"0o17",
    b"1e3",
    b"kind",
    b"items",
    b"null",
    b"results:",
    b"metadata",
)


def _yaml(data: bytes) -> None:
    from krm_functions.yaml.encoding import decode_text, encode_text
    from krm_functions.yaml.load import load_all
    from krm_functions.yaml.proof import rewrite
    from krm_functions.yaml.quoting import needs_quotes
    from krm_functions.yaml.scan import scan

    source = decode_text(data, name="x.yaml")
    assert encode_text(source.text, bom=source.bom) == data
    found = scan(source.text, NEEDLE)
    wanted = {comment.scalar.start: comment.scalar for comment in found.comments if comment.scalar}
    for value in ("1.2.3", "true", 'a: "b" # c'):
        needs_quotes(value)
        changed = rewrite(source.text, [(scalar, value) for scalar in wanted.values()], scan=found)
        after = scan(changed, NEEDLE)
        values = [comment.scalar.value for comment in after.comments if comment.scalar]
        assert all(each == value for each in values), (value, values)
    for _ in load_all(source.text, name="x.yaml"):
        pass


def _resource_list(data: bytes) -> None:
    from krm_functions.errors import ReportedError
    from krm_functions.function_config import read_function_config
    from krm_functions.resource_list import ResourceList
    from krm_functions.result import Result

    listing = ResourceList.parse(data, needle=NEEDLE)
    assert listing.render() == data
    for item in listing.items:
        try:
            item.load()
            str(item.ref)
            list(item.identities)
            str(Result("x", resource_ref=item.ref)).encode("utf-8", "surrogatepass")
        except ReportedError:
            continue
    assert ResourceList.parse(listing.render(results=[Result("done", "info")])).results[-1].message == "done"
    read_function_config(listing.function_config)


def _function(data: bytes) -> None:
    """The function as kpt runs it, without a network: answers come from the items, and nothing may be a bug."""
    from imagesetter.cli.function import process
    from krm_functions.function import BUG, DONE, Response, respond
    from krm_functions.resource_list import ResourceList

    for source in ("status", "lock"):
        environment = {"IMAGESETTER_FROM": source, "IMAGESETTER_SOURCE_SCAN": "false"}

        def run(given: bytes, environment: dict[str, str] = environment) -> Response:
            return respond(partial(process, environment=environment), given, needle=NEEDLE)

        answer = run(data)
        assert answer.status != BUG, answer.stderr
        assert all(char.isprintable() or char == "\n" for char in answer.stderr), answer.stderr
        if answer.status != DONE:
            continue
        before, after = (
            [item.text for item in ResourceList.parse(each.stdout).items] for each in (answer, run(answer.stdout))
        )
        assert before == after, "a second run changes more"


def _lock(data: bytes) -> None:
    from imagesetter.flux.markers import PolicyName
    from imagesetter.lock import document as lock
    from imagesetter.lock import render
    from krm_functions.yaml.encoding import decode_text

    text = decode_text(data, name="images.lock.yaml").text
    parsed = lock.parse_lock(text, "images.lock.yaml")
    rendered = render.render_lock(text, parsed.entries, parsed.seen)
    assert lock.parse_lock(rendered, "images.lock.yaml").entries == parsed.entries
    one = lock.LockEntry(PolicyName("ns", "new"), "r/x", "1", "sha256:0", "Never", "i", 1, "2026-01-01T00:00:00Z")
    more = {**parsed.entries, one.policy: one}
    rendered = render.render_lock(text, more, parsed.seen)
    assert lock.parse_lock(rendered, "images.lock.yaml").entries.keys() == more.keys()
    render.render_lock(text, {}, ())
    render.render_holds(text, parsed.holds)


def _records(data: bytes) -> None:
    import yaml

    from imagesetter.lock.records import update_records
    from krm_functions.yaml.encoding import decode_text

    first, _, second = decode_text(data).text.partition("\0")
    rows = [line.partition("=") for line in second.split("\n") if line]
    records = [{"name": name, "value": value} for name, _, value in {row[0]: row for row in rows}.values()]
    updated = update_records(first, ("spec", "list"), records, identity=lambda record: record.get("name"))
    held = yaml.load(updated, yaml.CBaseLoader)  # texts as written: 1.10 is a tag, no value is an empty text
    if records:
        assert isinstance(held, dict)
        assert sorted(map(str, held["spec"]["list"])) == sorted(map(str, records)), updated
    again = update_records(updated, ("spec", "list"), records, identity=lambda record: record.get("name"))
    assert again == updated


def _lint(data: bytes) -> None:
    from imagesetter.lint.scanned_file import read_data

    read_data(data, "x.yaml")


def _tag_list(data: bytes) -> None:
    from imagesetter.policy_tests.tag_lists import parse_tags

    assert all(isinstance(tag, str) for tag in parse_tags(data, name="tags.json"))


_LISTS = (
    HEAD + b"items:\n" + FLUX + WEB,
    HEAD + SETTER + b"items:\n" + WEB,
    HEAD + OPTIONS + b"items:\n" + FLUX + WEB + b"results:\n- message: x\n  severity: info\n",
    HEAD + b"items: []\n",
    b'{"apiVersion":"config.kubernetes.io/v1","kind":"ResourceList","items":[{"kind":"A","metadata":{"name":"b"}}]}',
    HEAD
    + b"items:\n"
    + b"".join(b"- " + line if n == 1 else b"  " + line for n, line in enumerate(LOCK.splitlines(True))),
)

TARGETS = (
    Target(
        "yaml",
        _yaml,
        (
            b'image: a:1 # {"$imagepolicy": "a:b"}\n',
            WEB,
            b'a: &x "1" # {"$imagepolicy": "a:b"}\nb: *x\n',
            b'a: |-\n  text # {"$imagepolicy": "a:b"}\nb: >\n  x\n  y\n',
            b'{"a": [1, "b"], "c": {"d": null}}',
            b'- !!str 1 # {"$imagepolicy": "a:b"}\n- [x, y] # {"$imagepolicy": "a:b"}\n',
        ),
        YAML_WORDS,
    ),
    Target("resource-list", _resource_list, _LISTS, YAML_WORDS, 4096),
    Target("function", _function, _LISTS, YAML_WORDS, 4096),
    Target("lock", _lock, (LOCK, LOCK.replace(b"\n", b"\r\n"), LOCK.replace(b"  ", b"    ")), YAML_WORDS, 3000),
    Target(
        "records",
        _records,
        (
            b"spec:\n  list:\n    - name: a # x\n      value: b\n    # c\n    - name: d\n      value: e\n\0a=c\nf=g",
            b"spec:\n  list: []\n  other: 1\n\0a=b",
            b"spec: {}\n\0a=b",
            b"spec:\n  list:\n  - {name: a, value: b}\n\0",
        ),
        (*YAML_WORDS, b"\0", b"name", b"value", b"list:"),
    ),
    Target(
        "lint",
        _lint,
        (FLUX, WEB, LOCK, b'images:\n- name: a\n  newTag: b # {"$imagepolicy": "a:b:tag"}\n'),
        YAML_WORDS,
        3000,
    ),
    Target(
        "tag-list", _tag_list, (b'{"name": "x", "tags": ["a", null]}', b"a\nb\n", b'["a"]', b"- a\n- b\n"), (b"[", b'"')
    ),
)
