#!/usr/bin/env python3
"""Generate a ConfigMap with a Grafana dashboard for every service that is named."""

import json
import sys

from pydantic import BaseModel

from krm_functions import ResourceList, run


class Config(BaseModel):
    """For whom."""

    services: list[str]
    namespace: str = "monitoring"


def generate_dashboards(resources: ResourceList, config: Config) -> None:
    """Add the ConfigMaps, or bring those that are there up to date."""
    for service in config.services:
        dashboard = {"title": service, "panels": [{"type": "graph", "expr": f'up{{job="{service}"}}'}]}
        resources.upsert(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {
                    "name": f"dashboard-{service}",
                    "namespace": config.namespace,
                    "labels": {"grafana_dashboard": "1"},
                },
                "data": {"dashboard.json": json.dumps(dashboard, indent=2) + "\n"},
            }
        )


if __name__ == "__main__":
    sys.exit(run(generate_dashboards, config=Config))
