"""What the rules about policies see, and what they leave alone."""

from __future__ import annotations

import pytest

from imagesetter.flux.annotations import KNOWN
from lint.conftest import FIELD, POLICIES, POLICY, REPOSITORY, Lint

DIGEST = "sha256:" + "5" * 64


def policy(name: str, rule: str, *more: str) -> str:
    spec = ", ".join(["imageRepositoryRef: {name: web}", f"policy: {{{rule}}}", *more])
    return POLICY.replace("name: web, namespace", f"name: {name}, namespace").replace(
        "imageRepositoryRef: {name: web}, policy: {semver: {range: 1.x}}", spec
    )


def field(value: str, marker: str) -> str:
    return f'value: {value} # {{"$imagepolicy": "flux-system:{marker}"}}\n'


BESIDE = 'repository: web # {"$imagepolicy": "flux-system:web:name"}\n'
IMAGE_BESIDE = 'image: web:1.2.0 # {"$imagepolicy": "flux-system:web"}\n'


def documents(*texts: str) -> str:
    return "---\n".join(texts)


def annotated(annotations: str) -> str:
    return POLICY.replace("namespace: flux-system}", f"namespace: flux-system, annotations: {{{annotations}}}}}")


# rule, further documents beside the repository, and the findings of that rule
CASES = {
    "a missing namespace is the default one": (
        "incomplete-policy",
        [POLICY.replace(", namespace: flux-system", "")],
        [],
    ),
    "a policy that a kustomization has to complete": (
        "incomplete-policy",
        [POLICY.replace(", policy: {semver: {range: 1.x}}", "")],
        [
            "a.yaml:8:18: error incomplete-policy: spec.policy: is required; policies as files are often completed by "
            "a kustomization: give the rendered stream, as in `kustomize build clusters/prod | imagesetter update "
            "--policies - .`"
        ],
    ),
    "a number where a string belongs": (
        "incomplete-policy",
        [POLICY.replace("1.x", "1.0")],
        [
            "a.yaml:9:66: error incomplete-policy: spec.policy.semver.range: must be a string, not the number 1.0: "
            "put it in quotes"
        ],
    ),
    "a repository without an image, and without a policy": (
        "incomplete-policy",
        [REPOSITORY.replace("name: web", "name: api").replace("image: registry.example.com/web, ", "")],
        ["a.yaml:8:18: error incomplete-policy: spec.image: is required"],
    ),
    "an image with a tag": (
        "incomplete-policy",
        [
            REPOSITORY.replace("name: web", "name: api").replace("com/web", "com/api:1"),
            policy("api", "semver: {range: 1.x}").replace("{name: web}", "{name: api}"),
        ],
        [
            "a.yaml:9:15: error incomplete-policy: spec.image: image 'registry.example.com/api:1' should not include "
            "a tag; remove ':1'"
        ],
    ),
    "a repository of another namespace that allows no access": (
        "incomplete-policy",
        [
            policy("web", "semver: {range: 1.x}")
            .replace("namespace: flux-system", "namespace: apps")
            .replace("{name: web}", "{name: web, namespace: flux-system}")
        ],
        [
            "a.yaml:9:35: error incomplete-policy: 'flux-system/web' can't be accessed due to missing ACL labels on "
            "'accessFrom'; allow namespace apps in spec.accessFrom.namespaceSelectors of the ImageRepository, and keep "
            "the Namespace with its labels among the files"
        ],
    ),
    "the same policy twice": ("ambiguous-policy", [POLICY, POLICY], []),
    "a repository twice, differently": (
        "ambiguous-policy",
        [POLICY, REPOSITORY.replace("com/web", "com/api")],
        [
            "a.yaml:8:18: error ambiguous-policy: ImageRepository flux-system:web is defined more than once, with "
            "different specs: a.yaml:1 and a.yaml:11; name the folder of one of them as PATH, or one of them with "
            "--policies"
        ],
    ),
    "a range with alternatives": ("invalid-range", [policy("web", "semver: {range: '>=1 <2 || ~3.1'}")], []),
    "a bad pattern in the exclusion list": (
        "invalid-pattern",
        [
            REPOSITORY.replace("name: web", "name: api").replace("5m", "5m, exclusionList: ['^dev', '(']"),
        ],
        [
            "a.yaml:9:79: error invalid-pattern: failed to compile regex (: error parsing regexp: missing closing ): "
            "`(`; the syntax is that of Go's regexp package: https://pkg.go.dev/regexp/syntax"
        ],
    ),
    "signature tags that a semver rule cannot read": (
        "unanchored-pattern",
        [policy("web", "semver: {range: '*'}", "filterTags: {pattern: '.*'}")],
        [],
    ),
    "any tag, in alphabetical order": (
        "unanchored-pattern",
        [policy("web", "alphabetical: {}", "filterTags: {pattern: '.*'}")],
        [
            "a.yaml:9:91: warning unanchored-pattern: ImagePolicy flux-system:web: the pattern '.*' also matches "
            "signature tags, such as sha256-6e340b9c….att; anchor it (^…$), or add '^sha256-[0-9a-f]{64}' to "
            "spec.exclusionList of the ImageRepository"
        ],
    ),
    "numbers of versions in alphabetical order": (
        "alphabetical-unpadded-numbers",
        [policy("web", "alphabetical: {order: asc}", "filterTags: {pattern: '^v1'}"), field("v1.4.10", "web:tag")],
        [
            "a.yaml:9:50: warning alphabetical-unpadded-numbers: ImagePolicy flux-system:web is alphabetical, but "
            "tags such as v1.4.10 contain numbers of any length: it prefers v1.9.10 to v1.10.10; use semver, or "
            "numerical with "
            "filterTags.extract for the number"
        ],
    ),
    "falling numbers in alphabetical order": (
        "alphabetical-unpadded-numbers",
        [policy("web", "alphabetical: {order: desc}"), field("rc7", "web:tag")],
        [
            "a.yaml:9:50: warning alphabetical-unpadded-numbers: ImagePolicy flux-system:web is alphabetical, but "
            "tags such as rc7 contain numbers of any length: it prefers rc10 to rc9; use semver, or numerical with "
            "filterTags.extract for the number"
        ],
    ),
    "numbers of a fixed length": (
        "alphabetical-unpadded-numbers",
        [policy("web", "alphabetical: {}", "filterTags: {pattern: '^b-[0-9]{4}$'}"), field("b-1234", "web:tag")],
        [],
    ),
    "dates and times": (
        "alphabetical-unpadded-numbers",
        [
            policy("web", "alphabetical: {}"),
            field("2026-01-31", "web:tag"),
            field("RELEASE.2026-01-31T10-20-30Z", "web:tag"),
            field("20260131.102030", "web:tag"),
        ],
        [],
    ),
    "a time stamp behind a hash that begins with digits": (
        "alphabetical-unpadded-numbers",
        [
            policy("web", "alphabetical: {}", "filterTags: {pattern: '^main-[0-9a-f]+-(?P<ts>[0-9]+)$', extract: $ts}"),
            field("main-9c1ab2f-1769850000", "web:tag"),
        ],
        [],
    ),
    "a large number in a tag": (
        "numerical-beyond-2-53",
        [policy("web", "numerical: {}"), field("20260131102030405", "web:tag")],
        [
            "a.yaml:9:50: warning numerical-beyond-2-53: ImagePolicy flux-system:web is numerical, and the tag "
            "20260131102030405 gives 20260131102030405: above 2^53 Flux reads neighbouring numbers as equal "
            "(imagesetter does not, so the two may select different tags); use alphabetical, which orders numbers of "
            "equal length the same way, or extract fewer digits"
        ],
    ),
    "a number that float64 holds": (
        "numerical-beyond-2-53",
        [policy("web", "numerical: {}"), field("20260131102030", "web:tag")],
        [],
    ),
    "every tag in alphabetical order": (
        "mutable-tag",
        [policy("web", "alphabetical: {}")],
        [
            "a.yaml:9:50: warning mutable-tag: ImagePolicy flux-system:web can select the moving tag latest and does "
            "not reflect a digest; narrow filterTags.pattern, or set spec.digestReflectionPolicy to Always"
        ],
    ),
    "an image without a tag": (
        "mutable-tag",
        [policy("web", "semver: {range: 1.x}"), field("registry.example.com/web", "web")],
        [
            "a.yaml:11:33: warning mutable-tag: registry.example.com/web has a moving tag and no digest; run "
            "`imagesetter update` to write the tag that the policy selects"
        ],
    ),
    "a moving tag beside a digest": (
        "mutable-tag",
        [
            policy("web", "semver: {range: 1.x}", "digestReflectionPolicy: IfNotPresent"),
            'tag: latest # {"$imagepolicy": "flux-system:web:tag"}\n'
            f'digest: {DIGEST} # {{"$imagepolicy": "flux-system:web:digest"}}\n',
        ],
        [],
    ),
    "a moving tag alone": (
        "mutable-tag",
        [policy("web", "semver: {range: 1.x}"), field("latest", "web:tag")],
        [
            "a.yaml:11:15: warning mutable-tag: latest is a moving tag without a digest; run `imagesetter update` to "
            "write the tag that the policy selects"
        ],
    ),
    "name and tag of one entry": (
        "disagreeing-policies",
        [
            POLICY,
            'newName: registry.example.com/web # {"$imagepolicy": "flux-system:web:name"}\n'
            'newTag: 1.0.0 # {"$imagepolicy": "flux-system:next:tag"}\n',
        ],
        [
            "a.yaml:12:15: warning disagreeing-policies: this image follows flux-system:next here and flux-system:web "
            "on line 11, so the two can get different versions; make both follow the same policy"
        ],
    ),
    "one image in two documents": ("disagreeing-policies", [POLICY, FIELD, FIELD.replace(":web", ":next")], []),
    "two tags of one mapping that are not one image": (
        "disagreeing-policies",
        [POLICY, field("1.0.0", "web:tag") + field("1.0.0", "next:tag").replace("value", "other")],
        [],
    ),
    "another spelling of the same repository": (
        "other-repository",
        [
            REPOSITORY.replace("name: web", "name: nginx").replace("registry.example.com/web", "docker.io/nginx"),
            policy("nginx", "semver: {range: 1.x}").replace("{name: web}", "{name: nginx}"),
            field("nginx:1.27.0", "nginx"),
        ],
        [],
    ),
    "a name of another repository": (
        "other-repository",
        [POLICY, field("registry.example.com/api", "web:name")],
        [
            "a.yaml:11:33: warning other-repository: the field holds an image of registry.example.com/api, but "
            "flux-system:web selects from registry.example.com/web; use the policy of this image, or change the "
            "repository in the field"
        ],
    ),
    "an image among other text": (
        "other-repository",
        [
            POLICY,
            field("--image=registry.example.com/web:1.2.0", "web"),
            field("oci://registry.example.com/web", "web:name"),
        ],
        [],
    ),
    "a moving tag under a policy that does not exist": (
        "mutable-tag",
        [POLICY, field("registry.example.com/web:latest", "gone")],
        [
            "a.yaml:11:40: warning mutable-tag: registry.example.com/web:latest has a moving tag and no digest; write "
            "a tag, or mark the field with a policy that exists"
        ],
    ),
    "a name beside its registry": (
        "other-repository",
        [POLICY, f"registry: registry.example.com\n{BESIDE}"],
        [],
    ),
    "another name beside the registry": (
        "other-repository",
        [POLICY, "registry: registry.example.com\n" + BESIDE.replace(": web", ": api")],
        [
            "a.yaml:12:17: warning other-repository: the field holds an image of registry.example.com/api, but "
            "flux-system:web selects from registry.example.com/web; use the policy of this image, or change the "
            "repository in the field"
        ],
    ),
    "a name beside another registry": (
        "wrong-part",
        [POLICY, f"registry: ghcr.io\n{BESIDE}"],
        [
            "a.yaml:12:17: error wrong-part: flux-system:web:name writes registry.example.com/web, and the registry "
            "ghcr.io stands beside this field; take the marker away, or write the registry into this field"
        ],
    ),
    "an image beside its registry, in a flow mapping": (
        "other-repository",
        [POLICY, f"a: {{registry: registry.example.com,\n  {IMAGE_BESIDE}}}\n"],
        [],
    ),
    "the images of a list": (
        "other-repository",
        [POLICY, field("registry.example.com/web:1.2.0,registry.example.com/api:2", "web")],
        [],
    ),
    "a nested field that is not known": (
        "unknown-field",
        [POLICY.replace("range: 1.x", "range: 1.x, exclude: [1.3.0]")],
        [
            "a.yaml:9:71: warning unknown-field: spec.policy.semver.exclude: ImagePolicy of image-reflector-controller "
            "v1.3.0 has no such field; remove it, unless your Flux is newer: the API server drops it silently"
        ],
    ),
    "an annotation of ours that there is not": (
        "unknown-field",
        [annotated("imagesetter.dev/minimun-age: 3d, other.example.com/x: y")],
        [
            'a.yaml:8:61: warning unknown-field: metadata.annotations["imagesetter.dev/minimun-age"]: imagesetter has '
            "no such annotation (did you mean imagesetter.dev/minimum-age?); remove it; on a policy there are "
            f"{', '.join(KNOWN)}"
        ],
    ),
    "annotations of ours": ("unknown-field", [annotated(", ".join(f'{name}: "x"' for name in KNOWN))], []),
    "a policy that follows one that is not there": (
        "incomplete-policy",
        [annotated("imagesetter.dev/follows: wed")],
        [
            "a.yaml:8:86: error incomplete-policy: flux-system:web follows flux-system:wed, which is not there; did "
            "you mean flux-system:web?"
        ],
    ),
    "a platform that is none": (
        "incomplete-policy",
        [annotated("imagesetter.dev/platforms: arm64")],
        [
            "a.yaml:8:88: error incomplete-policy: metadata.annotations[\"imagesetter.dev/platforms\"]: 'arm64' is not "
            "a platform such as linux/amd64 or linux/arm64/v8 (did you mean linux/arm64?)"
        ],
    ),
}


@pytest.mark.parametrize(("rule", "texts", "lines"), CASES.values(), ids=CASES)
def test_a_rule_finds_what_it_is_for_and_nothing_else(
    rule: str, texts: list[str], lines: list[str], lint: Lint
) -> None:
    ran = lint({"a.yaml": documents(REPOSITORY, *texts)})
    assert ran.about(rule) == lines


def test_a_tag_that_a_cluster_reported_is_evidence(lint: Lint) -> None:
    status = "status: {latestRef: {name: registry.example.com/web, tag: build-7}}\n"
    ran = lint({"a.yaml": documents(REPOSITORY, policy("web", "alphabetical: {}") + status)})
    assert "such as build-7 contain" in ran.about("alphabetical-unpadded-numbers")[0]


def test_a_policy_in_a_list_is_found_where_it_stands(lint: Lint) -> None:
    items = [
        text.replace("apiVersion", "- apiVersion").replace("\n", "\n  ").rstrip(" ") for text in POLICIES.split("---\n")
    ]
    listing = "apiVersion: v1\nkind: List\nitems:\n" + "".join(items)
    ran = lint({"a.yaml": listing.replace("1.x", "1.y")})
    assert ran.about("invalid-range")[0].startswith("a.yaml:11:68: error")


def test_namespaces_are_looked_up_in_their_own_files(lint: Lint) -> None:
    repository = REPOSITORY.replace("5m", "5m, accessFrom: {namespaceSelectors: [{matchLabels: {team: web}}]}")
    elsewhere = POLICY.replace("namespace: flux-system", "namespace: apps").replace(
        "{name: web}", "{name: web, namespace: flux-system}"
    )
    files = {"a.yaml": documents(repository, elsewhere)}
    assert len(lint(files).about("incomplete-policy")) == 1
    files["namespace.yaml"] = "apiVersion: v1\nkind: Namespace\nmetadata: {name: apps, labels: {team: web}}\n"
    assert lint(files).about("incomplete-policy") == []


def test_two_locks_that_disagree_are_found_where_the_second_is(lint: Lint) -> None:
    entry = "    - {policy: flux-system:web, image: registry.example.com/web, tag: 1.2.0, digest: d, inputs: i}\n"
    head = "apiVersion: imagesetter.dev/v1alpha1\nkind: ImageLock\nspec:\n  entries:\n"
    locks = {"a.yaml": head + entry, "b.yaml": head + entry, "c.yaml": head + entry.replace("1.2.0", "1.3.0")}
    assert lint(locks).about("broken-lock") == [
        "c.yaml:5:16: error broken-lock: policy flux-system:web is locked to registry.example.com/web:1.3.0 here, "
        "and to registry.example.com/web:1.2.0 in a.yaml; keep the policy in one lock only"
    ]


VERIFY = ", annotations: {imagesetter.dev/verify: '{secretRef: {name: cosign}}'}"


def test_a_policy_without_signatures_is_found_only_where_another_has_them(lint: Lint) -> None:
    web, worker = (policy(name, "semver: {range: 1.x}") for name in ("web", "worker"))
    signed = web.replace("namespace: flux-system", f"namespace: flux-system{VERIFY}", 1)
    patch = worker.replace(", policy: {semver: {range: 1.x}}", "").replace("imageRepositoryRef: {name: web}", "")
    assert lint({"a.yaml": documents(REPOSITORY, web, worker)}).about("unverified-policy") == []
    assert lint({"a.yaml": documents(REPOSITORY, signed)}).about("unverified-policy") == []
    assert lint({"a.yaml": documents(REPOSITORY, signed, patch)}).about("unverified-policy") == []
    assert lint({"a.yaml": documents(REPOSITORY, signed, worker)}).about("unverified-policy") == [
        "a.yaml:13:18: warning unverified-policy: ImagePolicy flux-system:worker accepts images that nobody signed, "
        "and flux-system:web does not; add the annotation imagesetter.dev/verify"
    ]


def test_a_verify_that_is_not_valid_makes_its_policy_incomplete(lint: Lint) -> None:
    wrong = policy("web", "semver: {range: 1.x}").replace(
        "namespace: flux-system", f"namespace: flux-system{VERIFY.replace('secretRef', 'secretref')}", 1
    )
    (found,) = lint({"a.yaml": documents(REPOSITORY, wrong)}).about("incomplete-policy")
    assert "secretref: unknown field (did you mean secretRef?)" in found


@pytest.mark.parametrize(
    ("annotations", "column", "message"),
    [
        ("{imagesetter.dev/allow-downgrade: true}", 50, "must be a string, not true: put it in quotes"),
        ("{imagesetter.dev/minimum-age: 5}", 46, "must be a string, not the number 5: put it in quotes"),
        ("{imagesetter.dev/platforms: [linux/amd64]}", 45, "must be a string, not a list"),
        ("{imagesetter.dev/follows: null}", 42, "must be a string, not null"),
        ('{imagesetter.dev/platforms: ""}', 44, "is empty, so the rule would not apply"),
        ('{imagesetter.dev/verify: " "}', 41, "is empty, so the rule would not apply"),
        ("[imagesetter.dev/verify]", 16, "metadata.annotations: must be a mapping, not a list"),
    ],
)
def test_an_annotation_of_another_type_is_found_at_its_place(
    lint: Lint, annotations: str, column: int, message: str
) -> None:
    text = f"""\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: web, namespace: flux-system}}
spec: {{image: registry.example.com/web, interval: 5m}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata:
  name: web
  namespace: flux-system
  annotations: {annotations}
spec: {{imageRepositoryRef: {{name: web}}, policy: {{semver: {{range: 1.x}}}}}}
"""
    (found,) = lint({"policies.yaml": text}).about("incomplete-policy")
    assert message in found
    assert found.startswith(f"policies.yaml:11:{column}: ") or "metadata.annotations: " in found


def test_an_unknown_platform_is_found_where_it_stands(lint: Lint) -> None:
    annotated = ", annotations: {imagesetter.dev/platforms: 'linux/amd64, linux/amd46,linux/arm/v9'}"
    web = policy("web", "semver: {range: 1.x}")
    web = web.replace("namespace: flux-system", f"namespace: flux-system{annotated}", 1)
    message = (
        "warning unknown-platform: the policy asks for the platform linux/amd46: 'amd46' is not a known architecture "
        "(did you mean linux/amd64?); fix it: only tags with an image for it are taken"
    )
    found = lint({"a.yaml": documents(REPOSITORY, web)}).about("unknown-platform")
    assert len(found) == 2
    assert found[0].endswith(message)
    setter = """\
apiVersion: imagesetter.dev/v1alpha1
kind: ImageSetter
metadata: {name: images}
spec:
  platforms: [linux/amd46]
  policies:
    - {name: web, image: registry.example.com/web, semver: {range: 1.x}, platforms: [linux/arm64]}
    - name: worker
      image: registry.example.com/worker
      semver: {range: 1.x}
      platforms: [linux/amd64, linux/amd46]
    - {name: db, image: registry.example.com/db, semver: {range: 1.x}}
"""
    assert lint({"a.yaml": setter}).about("unknown-platform") == [
        f"a.yaml:11:19: {message}",
        f"a.yaml:12:14: {message}",
    ]
