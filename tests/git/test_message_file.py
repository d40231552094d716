"""``update --message-file``: Flux's template language for a commit that somebody else makes."""

from __future__ import annotations

from e2e.conftest import Stage


def test_the_message_says_what_changed(stage: Stage) -> None:
    package = stage.example("flux-repository")
    done = stage.here("update", "--message-file", "../message", cwd=package)
    assert done.status == 0, str(done)
    assert (stage.root / "message").read_text() == (
        f"Update 2 images\n\n- {stage.host}/my-app:1.0.0 → {stage.host}/my-app:1.0.10\n- 1.0.0 → 1.0.10\n"
    )
    done = stage.here("update", "--message-file", "../second", cwd=package)
    assert done.status == 0, str(done)
    assert not (stage.root / "second").exists()


def test_the_template_is_fluxs_and_names_files_from_here(stage: Stage) -> None:
    package = stage.example("flux-repository")
    template = "{{ range .Updated.Images }}{{ .Identifier }}{{ end }} "
    template += "{{ range $f, $_ := .Changed.FileChanges }}{{ $f }}{{ end }}"
    done = stage.here("update", "--message-file", "../message", "--message-template", template, cwd=package)
    assert done.status == 0, str(done)
    assert (stage.root / "message").read_text() == "1.0.10 kustomize/deployment.yaml"


def test_a_template_that_fails_leaves_everything_as_it_was(stage: Stage) -> None:
    package = stage.example("flux-repository")
    before = (package / "kustomize/deployment.yaml").read_bytes()
    arguments = ("--message-file", "../message", "--message-template", "{{ .Nope }}")
    done = stage.here("update", *arguments, cwd=package)
    assert done.status == 1
    assert "Nope" in done.stderr
    assert (package / "kustomize/deployment.yaml").read_bytes() == before
    assert not (stage.root / "message").exists()
