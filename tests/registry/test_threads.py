"""A system that gives no more threads: what needs one does without, or says so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagesetter.errors import CredentialError, NotFound
from imagesetter.registry.auth.credential_helper import ask_helper
from imagesetter.registry.http.tls import Contexts
from imagesetter.registry.workers import Task, run_tasks
from support.no_threads import no_threads


@pytest.fixture(autouse=True)
def _system_without_threads() -> Iterator[None]:
    with no_threads():
        yield


def test_every_job_is_done() -> None:
    def fail() -> str:
        raise NotFound("gone")

    jobs = [Task("a", lambda: "1"), Task("b", fail), Task("a", lambda: "3")]
    done = dict(run_tasks(jobs, lambda host: 2, lambda: None))
    assert (done[0], str(done[1]), done[2]) == ("1", "gone", "3")


def test_an_interruption_of_a_job_ends_the_run() -> None:
    def interrupt() -> str:
        raise KeyboardInterrupt

    stopped: list[bool] = []
    with pytest.raises(KeyboardInterrupt):
        list(run_tasks([Task("a", interrupt), Task("a", lambda: "2")], lambda host: 1, lambda: stopped.append(True)))
    assert stopped == [True]


def test_certificates_are_read() -> None:
    contexts = Contexts()
    assert contexts.find(None) is contexts.find(None)


def test_a_credential_helper_is_not_run_without_a_limit_of_time(tmp_path: Path) -> None:
    helper = tmp_path / "docker-credential-x"
    helper.write_text("#!/bin/sh\nread server\nsleep 1000\n")
    helper.chmod(0o755)
    with pytest.raises(CredentialError, match="no thread can be started"):
        ask_helper("x", "registry.example.com", {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"})
