"""The function and the lock among its items: holds and ages count where a registry is asked, too."""

from __future__ import annotations

import io

import pytest

from imagesetter.cli import function
from imagesetter.lock.ledger import FirstSight, merged, render_ledger
from support.sandbox import IMAGE, POLICIES, Sandbox, digest

AGED = POLICIES.replace("annotations: {}", "annotations: {imagesetter.dev/minimum-age: 3d}")


def listing(sandbox: Sandbox, *, tag: str = "1.3.0", lock: bool = True, source: str = "registry") -> bytes:
    """A ResourceList of the policies, the lock and a field that follows."""
    field = f'image: {IMAGE}:{tag} # {{"$imagepolicy": "flux-system:web"}}'
    documents = [
        *sandbox.text("policies.yaml").split("---\n"),
        *([sandbox.text()] if lock else []),
        f"apiVersion: v1\nkind: X\nmetadata: {{name: x}}\n{field}\n",
    ]
    items = ["\n  ".join(line for line in text.splitlines() if not line.startswith("#")) for text in documents]
    config = f"{{apiVersion: v1, kind: ConfigMap, metadata: {{name: c}}, data: {{from: {source}}}}}"
    return (
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
        f"functionConfig: {config}\nitems:\n" + "".join(f"- {item}\n" for item in items)
    ).encode()


def run(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, data: bytes) -> tuple[int, str]:
    out = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr("sys.stdout", out)
    status = function.main(data)
    out.flush()
    return status, out.buffer.getvalue().decode()  # type: ignore[attr-defined]


def test_a_hold_of_the_lock_counts_where_the_registry_is_asked(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.registry.push("1.5.0")
    sandbox.run("hold", "web", "--exclude-tag", "1.5.0", "--reason", "crashes on start")
    status, text = run(sandbox, monkeypatch, listing(sandbox))
    assert status == 0
    assert f"image: {IMAGE}:1.4.0 # " in text
    assert "flux-system:web: without 1.5.0 (crashes on start); otherwise it would be 1.5.0" in text


def test_the_ledger_is_read_where_the_environment_names_it(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.write("policies.yaml", AGED)
    sandbox.run("lock")
    sandbox.registry.push("1.5.0")
    sandbox.write(
        "ledger.yaml",
        render_ledger("", merged({}, [FirstSight(IMAGE, "1.5.0", digest("1.5.0"), "2026-02-01T12:00:00Z")])),
    )
    monkeypatch.setenv("IMAGESETTER_LEDGER", "ledger.yaml")
    status, text = run(sandbox, monkeypatch, listing(sandbox))
    assert (status, f"image: {IMAGE}:1.5.0 # " in text) == (0, True)
    monkeypatch.setenv("IMAGESETTER_LEDGER", "missing.yaml")
    status, text = run(sandbox, monkeypatch, listing(sandbox))
    assert (status, f"image: {IMAGE}:1.3.0 # " in text) == (2, True)
    assert "missing.yaml" in text


def test_ages_are_known_from_the_lock_or_not_at_all(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.write("policies.yaml", AGED)
    sandbox.run("lock")
    sandbox.registry.push("1.5.0")
    status, text = run(sandbox, monkeypatch, listing(sandbox))
    assert (status, f"image: {IMAGE}:1.4.0 # " in text) == (0, True)
    status, text = run(sandbox, monkeypatch, listing(sandbox, lock=False))
    assert (status, f"image: {IMAGE}:1.3.0 # " in text) == (1, True)
    assert "only a lock records when a tag was first seen" in text


def test_a_lock_that_went_back_on_request_takes_the_fields_along(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.registry.push("1.5.0")
    sandbox.run("lock")
    sandbox.registry.delete("1.5.0")
    sandbox.run("lock", "--allow-downgrade")
    status, text = run(sandbox, monkeypatch, listing(sandbox, tag="1.5.0", source="lock"))
    assert (status, f"image: {IMAGE}:1.4.0 # " in text) == (0, True)
    status, text = run(sandbox, monkeypatch, listing(sandbox, tag="1.6.0", source="lock"))
    assert (status, f"image: {IMAGE}:1.6.0 # " in text) == (0, True)
    assert "stays at 1.6.0" in text


@pytest.mark.parametrize("allowed", ["true", "false"])
def test_the_operator_may_allow_to_go_back(allowed: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGESETTER_ALLOW_DOWNGRADE", allowed)
    sandbox.run("lock")
    status, text = run(sandbox, monkeypatch, listing(sandbox, tag="1.6.0"))
    assert (status, f"image: {IMAGE}:1.4.0 # " in text) == (0, allowed == "true")


def test_a_lock_that_cannot_be_read_is_an_error_where_its_holds_would_count(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.run("lock")
    sandbox.write("images.lock.yaml", sandbox.text().replace("v1alpha1", "v9"))
    status, text = run(sandbox, monkeypatch, listing(sandbox))
    assert status == 1
    assert f"image: {IMAGE}:1.3.0 # " in text
    assert "the lock is imagesetter.dev/v9" in text
