"""Targets that are one line of text: references, ranges, versions, patterns, markers, field paths, durations."""

from __future__ import annotations

from fuzz.target import Target, as_text, cut

TAGS = ("1.0.0", "1.2.3", "v2.0.0-rc.1", "main-abc123-1700000000", "latest", "2024.01.02", "1.10.0", "0x10", "-5", "é")


def _reference(data: bytes) -> None:
    from imagesetter.errors import ImageReferenceError
    from imagesetter.registry import reference

    text = as_text(data)
    try:
        parsed = reference.parse_reference(text)
    except ImageReferenceError:
        pass
    else:
        again = reference.parse_reference(parsed.name)
        assert (again.registry, again.repository) == (parsed.registry, parsed.repository), (text, parsed.name)
        assert parsed.context.written in text
    repository = reference.parse_flux_image(text)
    assert repository.written == text
    assert reference.parse_repository(repository.canonical) == repository


def _host(data: bytes) -> None:
    from imagesetter.registry.http.hosts import parse_host

    text = as_text(data)
    host = parse_host(text)
    assert parse_host(str(host)) == host, text


def _range(data: bytes) -> None:
    from imagesetter.golang.semver.constraints import parse_constraints
    from imagesetter.golang.semver.version import parse_tag
    from krm_functions.errors import InputError

    text, tag = cut(data, 2)
    parsed = parse_constraints(text)
    for each in (*TAGS, tag):
        try:
            version = parse_tag(each)
        except InputError:
            continue
        assert isinstance(parsed.admits(version), bool)


def _policy(data: bytes) -> None:
    from imagesetter.errors import PolicyError
    from imagesetter.policy.alphabetical import AlphabeticalRule
    from imagesetter.policy.explain import explain
    from imagesetter.policy.numerical import NumericalRule
    from imagesetter.policy.rule import Rule
    from imagesetter.policy.select import ranking, select
    from imagesetter.policy.semver import SemverRule
    from imagesetter.policy.tag_policy import FilterTags, TagPolicy

    kind, rule, pattern, extract, excluded, listed = cut(data, 6)
    rules: dict[str, Rule] = {"s": SemverRule(rule), "a": AlphabeticalRule(rule), "n": NumericalRule(rule)}
    policy = TagPolicy(
        rules.get(kind, SemverRule(rule)),
        FilterTags(pattern, extract) if pattern else None,
        (excluded,) if excluded else (),
    )
    tags = [*TAGS, *listed.split()]
    try:
        chosen = select(policy, tags)
    except PolicyError as err:
        assert str(err)
        assert explain(policy, tags).chosen is None
        raise
    assert chosen in tags
    assert select(policy, reversed(tags)) == chosen, "the order of the tags counts"
    assert ranking(policy, tags)[0] == chosen
    assert explain(policy, tags).chosen == chosen


def _marker(data: bytes) -> None:
    from imagesetter.flux.markers import parse_marker

    marker = parse_marker(as_text(data))
    if marker is not None:
        assert parse_marker(f'# {{"$imagepolicy": "{marker}"}}') == marker


def _field_path(data: bytes) -> None:
    from krm_functions.yaml.field_path import find, format_path, parse_path

    document = {"spec": {"a.b/c": [{"name": "web", "image": "x"}, {"name": "y"}], "x": None}, "": [[1]]}
    for path in find(document, parse_path(as_text(data))):
        assert find(document, parse_path(format_path(path))) == [path]


def _duration(data: bytes) -> None:
    from imagesetter.golang.duration import parse_age, parse_duration
    from krm_functions.label_selector import LabelSelector

    text = as_text(data)
    for read in (parse_duration, parse_age):
        try:
            assert isinstance(read(text), float)
        except ValueError as err:  # the contract of these two: pydantic and the command line make it an error
            assert str(err)
    LabelSelector.parse(text).matches({"app": "web", "": ""})


TARGETS = (
    Target(
        "reference",
        _reference,
        (
            b"nginx",
            b"ghcr.io/org/app:v1.2.3",
            b"localhost:5000/a/b@sha256:" + b"0" * 64,
            b"docker.io/library/x:y@sha256:" + b"a" * 64,
            b"[::1]:5000/a",
            b"https://x/y:1",
            b"index.docker.io/x",
        ),
        (b"docker.io", b"@sha256:", b"index.docker.io/", b"library/", b"://", b"[::1]", b":", b"/", b"%2f", b".."),
        512,
    ),
    Target(
        "host",
        _host,
        (b"ghcr.io", b"localhost:5000", b"127.0.0.1", b"[::ffff:169.254.169.254]:80", b"0x7f.1", b"xn--e1a.com"),
        (b"169.254.169.254", b"0177.0.0.1", b"::", b"%25", b"@", b"\xef\xbc\x8e", b"\xc2\xad", b"]", b"["),
        300,
    ),
    Target(
        "range",
        _range,
        (
            b">=1.0.0 <2.0.0\0001.5.0",
            b"1.x || ^2.1",
            b"~1.2.3-rc.1, !=1.2.4",
            b"1 - 2",
            b"*",
            b"=>1 =<2",
            b"v1.0.0+meta",
        ),
        (b" - ", b"||", b"-0", b">=", b"~>", b"!=", b".x", b"99999999999999999999", b"+b", b","),
        600,
    ),
    Target(
        "policy",
        _policy,
        (
            b"s\0>=1.0.0\0^v?(?P<v>.*)$\0$v\0^.*[.]sig$\0001.0.0 v9",
            b"n\0asc\0^main-[a-f0-9]+-(?P<ts>[0-9]+)\0$ts\0\0main-a-5 main-b-6",
            b"a\0desc\0(a|b)*c\0${1}x$$\0\0abc aac",
            b"s\0*\0\\Qa.b\\E|[[:alpha:]]+\0$0\0\\pL\0a.b",
        ),
        (
            b"(?P<",
            b"(?i)",
            b"{1000}",
            b"[^",
            b"[[:digit:]]",
            b"\\p{Greek}",
            b"\\Q",
            b"\\E",
            b"$$",
            b"${",
            b"}",
            b"(?:",
            b"*?",
            b"|",
            b"\\C",
            b"(?<",
            b"\\x{10FFFF}",
            b"\0",
            b"asc",
            b"desc",
        ),
        512,
    ),
    Target(
        "marker",
        _marker,
        (
            b'# {"$imagepolicy": "flux-system:app"}',
            b'## {"$imagepolicy": "a:b:tag", "x": null}',
            b'# {"$ref": "#/definitions/io.k8s.cli.setters.a:b:name"}',
            b'# {"$imagepolicy": "a%3Ab:digest"}',
        ),
        (b"$imagepolicy", b"$ref", b"#/definitions/io.k8s.cli.setters.", b'":"', b"\\u0000", b"%3A", b"NaN", b"[" * 50),
        512,
    ),
    Target(
        "field-path",
        _field_path,
        (
            b"spec.template.spec.containers[name=web].image",
            b'metadata.annotations["a.b/c"]',
            b'spec["a.b/c"][*].name',
            b"spec.*[0]",
        ),
        (b"[*]", b"[0]", b'["', b'"]', b".", b"[name=", b"\\", b"[-1]", b"spec"),
        256,
    ),
    Target(
        "duration",
        _duration,
        (b"1h30m", b"3d", b"1.5s", b"-1h", b"100ms", b"app in (a,b), !x, y!=z", b"a==b,c"),
        ("µs".encode(), b"ns", b"1e9", b"9" * 30, b" in (", b" notin (", b"!", b",", "٣".encode()),
        256,
    ),
)
