"""An item is scanned once, however many finders look at its scalars."""

from __future__ import annotations

import cProfile
import pstats

from imagesetter.cli.function import process
from krm_functions.function import respond

LIST = b"""\
apiVersion: config.kubernetes.io/v1
kind: ResourceList
functionConfig:
  apiVersion: imagesetter.dev/v1alpha1
  kind: ImageSetter
  spec:
    from: status
    bindByImage: true
    targets:
    - {policy: "apps:app", select: {kind: Pod}, fieldPaths: [spec.first]}
    - {policy: "apps:app", select: {kind: Pod}, fieldPaths: [spec.second]}
items:
- apiVersion: image.toolkit.fluxcd.io/v1
  kind: ImageRepository
  metadata: {name: app, namespace: apps}
  spec: {image: ghcr.io/acme/app}
- apiVersion: image.toolkit.fluxcd.io/v1
  kind: ImagePolicy
  metadata: {name: app, namespace: apps}
  spec: {imageRepositoryRef: {name: app}, policy: {alphabetical: {}}}
  status: {latestRef: {name: ghcr.io/acme/app, tag: "2"}}
- apiVersion: v1
  kind: Pod
  metadata:
    name: web
    annotations:
      imagesetter.dev/fields: "spec.third: apps:app"
  spec:
    first: ghcr.io/acme/app:1
    second: ghcr.io/acme/app:1
    third: ghcr.io/acme/app:1
    containers:
    - image: ghcr.io/acme/app:1
"""


def test_an_item_is_scanned_once_for_all_finders() -> None:
    profile = cProfile.Profile()
    profile.enable()
    answer = respond(lambda listing: process(listing, {}), LIST, env={})
    profile.disable()
    assert b'"4 fields changed, 0 up to date"' in answer.stdout
    counted = {name: calls[0] for (_, _, name), calls in pstats.Stats(profile).stats.items()}  # type: ignore[attr-defined]
    assert counted["walk"] == 1 + 3, "the list, and each of its items"
