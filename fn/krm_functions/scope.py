"""Whether a kind belongs to the cluster or to a namespace."""

from __future__ import annotations

from typing import Final, Literal

Scope = Literal["Cluster", "Namespaced", ""]
"""As a CustomResourceDefinition says it; empty where it is not known."""

_CLUSTER: Final = {
    "": "ComponentStatus Namespace Node PersistentVolume",
    "admissionregistration.k8s.io": "MutatingAdmissionPolicy MutatingAdmissionPolicyBinding "
    "MutatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding "
    "ValidatingWebhookConfiguration",
    "apiextensions.k8s.io": "CustomResourceDefinition",
    "apiregistration.k8s.io": "APIService",
    "authentication.k8s.io": "SelfSubjectReview TokenReview",
    "authorization.k8s.io": "SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview",
    "certificates.k8s.io": "CertificateSigningRequest ClusterTrustBundle",
    "flowcontrol.apiserver.k8s.io": "FlowSchema PriorityLevelConfiguration",
    "internal.apiserver.k8s.io": "StorageVersion",
    "networking.k8s.io": "IPAddress IngressClass ServiceCIDR",
    "node.k8s.io": "RuntimeClass",
    "policy": "PodSecurityPolicy",
    "rbac.authorization.k8s.io": "ClusterRole ClusterRoleBinding",
    "resource.k8s.io": "DeviceClass DeviceTaintRule ResourceSlice",
    "scheduling.k8s.io": "PriorityClass",
    "storage.k8s.io": "CSIDriver CSINode StorageClass VolumeAttachment VolumeAttributesClass",
    "storagemigration.k8s.io": "StorageVersionMigration",
}
"""The kinds of Kubernetes itself, up to 1.34, that belong to the cluster, in whatever version."""
_NAMESPACED: Final = frozenset(
    {"apps", "autoscaling", "batch", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "extensions"}
)
"""Groups of Kubernetes itself without a kind that belongs to the cluster."""


def built_in_scope(group: str, kind: str) -> Scope:
    """The scope of a kind of Kubernetes itself; empty for the kinds of others."""
    if group in _CLUSTER:
        return "Cluster" if kind in _CLUSTER[group].split() else "Namespaced"
    return "Namespaced" if group in _NAMESPACED else ""
