"""The fields of Flux's API, by kind; written by .ci/flux_fields.py from the Go types."""

from __future__ import annotations

from collections.abc import Mapping

API: Mapping[str, str] = {
    "ImagePolicy": "image-reflector-controller v1.3.0",
    "ImageRepository": "image-reflector-controller v1.3.0",
    "ImageUpdateAutomation": "image-automation-controller v1.3.0",
}
"""Which release of which controller the fields of a kind are from."""

KNOWN_FIELDS: Mapping[str, frozenset[str]] = {
    "ImagePolicy": frozenset(
        (
            "spec.digestReflectionPolicy",
            "spec.filterTags",
            "spec.filterTags.extract",
            "spec.filterTags.pattern",
            "spec.imageRepositoryRef",
            "spec.imageRepositoryRef.name",
            "spec.imageRepositoryRef.namespace",
            "spec.interval",
            "spec.policy",
            "spec.policy.alphabetical",
            "spec.policy.alphabetical.order",
            "spec.policy.numerical",
            "spec.policy.numerical.order",
            "spec.policy.semver",
            "spec.policy.semver.range",
            "spec.suspend",
        )
    ),
    "ImageRepository": frozenset(
        (
            "spec.accessFrom",
            "spec.accessFrom.namespaceSelectors",
            "spec.accessFrom.namespaceSelectors.matchLabels",
            "spec.certSecretRef",
            "spec.certSecretRef.name",
            "spec.exclusionList",
            "spec.image",
            "spec.insecure",
            "spec.interval",
            "spec.provider",
            "spec.proxySecretRef",
            "spec.proxySecretRef.name",
            "spec.secretRef",
            "spec.secretRef.name",
            "spec.serviceAccountName",
            "spec.suspend",
            "spec.timeout",
        )
    ),
    "ImageUpdateAutomation": frozenset(
        (
            "spec.git",
            "spec.git.checkout",
            "spec.git.checkout.ref",
            "spec.git.checkout.ref.branch",
            "spec.git.checkout.ref.commit",
            "spec.git.checkout.ref.name",
            "spec.git.checkout.ref.semver",
            "spec.git.checkout.ref.tag",
            "spec.git.commit",
            "spec.git.commit.author",
            "spec.git.commit.author.email",
            "spec.git.commit.author.name",
            "spec.git.commit.messageTemplate",
            "spec.git.commit.messageTemplateValues",
            "spec.git.commit.signingKey",
            "spec.git.commit.signingKey.secretRef",
            "spec.git.commit.signingKey.secretRef.name",
            "spec.git.commit.signingKey.type",
            "spec.git.push",
            "spec.git.push.branch",
            "spec.git.push.options",
            "spec.git.push.refspec",
            "spec.interval",
            "spec.policyChangeDelay",
            "spec.policySelector",
            "spec.policySelector.matchExpressions",
            "spec.policySelector.matchExpressions.key",
            "spec.policySelector.matchExpressions.operator",
            "spec.policySelector.matchExpressions.values",
            "spec.policySelector.matchLabels",
            "spec.sourceRef",
            "spec.sourceRef.apiVersion",
            "spec.sourceRef.kind",
            "spec.sourceRef.name",
            "spec.sourceRef.namespace",
            "spec.suspend",
            "spec.update",
            "spec.update.path",
            "spec.update.strategy",
        )
    ),
}
"""The paths of all fields of a kind's spec, without indexes."""
