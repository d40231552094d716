#!/usr/bin/env python3
"""Put all resources into one namespace, with the references that name it."""

import sys

from pydantic import BaseModel, Field

from krm_functions import ResourceList, run

REFERENCES = {
    "RoleBinding": "subjects[kind=ServiceAccount].namespace",
    "ClusterRoleBinding": "subjects[kind=ServiceAccount].namespace",
    "ValidatingWebhookConfiguration": "webhooks[*].clientConfig.service.namespace",
    "MutatingWebhookConfiguration": "webhooks[*].clientConfig.service.namespace",
    "APIService": "spec.service.namespace",
}


class Config(BaseModel):
    """Where the resources go."""

    namespace: str = Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", description="where the resources go")


def set_namespace(resources: ResourceList, config: Config) -> None:
    """Set the namespace of namespaced resources, and rename the Namespace itself."""
    for item in resources.where(local_config=False):
        if item.is_gvk("", "v1", "Namespace"):
            item.name = config.namespace
        elif item.scope != "Cluster":
            item.namespace = config.namespace
        if (path := REFERENCES.get(item.kind)) and item.find(path):
            item.set(path, config.namespace)


if __name__ == "__main__":
    sys.exit(run(set_namespace, config=Config))
