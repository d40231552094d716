"""Selectors: by every property, and by every name that a resource has had."""

from __future__ import annotations

import pytest

from krm_functions.label_selector import LabelSelector
from krm_functions.resource_list import ResourceList
from krm_functions.selector import Selector

ITEMS = b"""\
kind: ResourceList
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata:
    name: b-a-web
    namespace: prod
    labels: {app: web}
    annotations:
      internal.config.kubernetes.io/previousKinds: Deployment,Deployment
      internal.config.kubernetes.io/previousNames: web,a-web
      internal.config.kubernetes.io/previousNamespaces: default,stage
- apiVersion: v1
  kind: ConfigMap
  metadata:
    name: web
    annotations: {config.kubernetes.io/local-config: "true"}
- kind: Kustomization
"""
DEPLOYMENT, CONFIG_MAP, NAMELESS = "Deployment", "ConfigMap", "Kustomization"


@pytest.mark.parametrize(
    ("selector", "kinds"),
    [
        pytest.param(Selector(), [DEPLOYMENT, CONFIG_MAP, NAMELESS], id="anything"),
        pytest.param(Selector(group="apps"), [DEPLOYMENT], id="group"),
        pytest.param(Selector(group=""), [CONFIG_MAP, NAMELESS], id="core group"),
        pytest.param(Selector(version="v1"), [DEPLOYMENT, CONFIG_MAP], id="version"),
        pytest.param(Selector(version=""), [NAMELESS], id="no version"),
        pytest.param(Selector(kind="ConfigMap"), [CONFIG_MAP], id="kind"),
        pytest.param(Selector(kind="Config"), [], id="part of a kind"),
        pytest.param(Selector(name="web"), [DEPLOYMENT, CONFIG_MAP], id="original name"),
        pytest.param(Selector(name="a-web"), [DEPLOYMENT], id="name in a layer between"),
        pytest.param(Selector(name="b-a-web"), [DEPLOYMENT], id="current name"),
        pytest.param(Selector(name=".*"), [], id="names are no patterns"),
        pytest.param(
            Selector(name="web", namespace="default"), [DEPLOYMENT, CONFIG_MAP], id="original name and namespace"
        ),
        pytest.param(Selector(name="web", namespace=""), [DEPLOYMENT, CONFIG_MAP], id="no namespace is default"),
        pytest.param(Selector(name="b-a-web", namespace="prod"), [DEPLOYMENT], id="current name and namespace"),
        pytest.param(Selector(name="web", namespace="prod"), [], id="original name, current namespace"),
        pytest.param(Selector(namespace="stage"), [DEPLOYMENT], id="namespace in a layer between"),
        pytest.param(Selector(local_config=True), [CONFIG_MAP], id="local config"),
        pytest.param(Selector(local_config=False), [DEPLOYMENT, NAMELESS], id="no local config"),
        pytest.param(Selector(label_selector=LabelSelector.parse("app in (web,api)")), [DEPLOYMENT], id="labels"),
        pytest.param(
            Selector(label_selector=LabelSelector.parse("!app"), name="web"), [CONFIG_MAP], id="labels and name"
        ),
    ],
)
def test_selector_picks(selector: Selector, kinds: list[str]) -> None:
    resources = ResourceList.parse(ITEMS)
    assert [item.kind for item in resources.items if selector.matches(item)] == kinds
