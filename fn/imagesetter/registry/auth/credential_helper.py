"""Credential helpers: the programs ``docker-credential-NAME`` that Docker, podman and kubelet ask as well.

A helper reads a registry from standard input and writes ``{"ServerURL", "Username", "Secret"}`` on standard output.
Its name comes from a file, so it has to be a plain word; it is looked up in the absolute folders of ``PATH``, run
without a shell, for a bounded time, and its answer is read to a bounded length. What it prints is not repeated.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from imagesetter.errors import CredentialError
from imagesetter.files.platform import kill
from imagesetter.registry.auth.credentials import Credential, load_document, login
from imagesetter.registry.http.hosts import HUB_API, parse_host
from imagesetter.registry.http.redaction import printable

SECONDS = 20.0
_CAP = 64 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_HUB_SERVER = "https://index.docker.io/v1/"
_NOT_FOUND = "credentials not found"


def ask_helper(
    name: str, registry: str, environment: Mapping[str, str], *, seconds: float = SECONDS
) -> Credential | None:
    """The credential that a helper has for a registry; None when it says that it has none.

    Raises:
        CredentialError: there is no such helper, or it failed, hung or talked nonsense.
    """
    if not _NAME.fullmatch(name):
        raise CredentialError(f"'{printable(name)}' cannot be the name of a credential helper")
    program = f"docker-credential-{name}"
    folders = [folder for folder in environment.get("PATH", "").split(os.pathsep) if Path(folder).is_absolute()]
    path = shutil.which(program, path=os.pathsep.join(folders)) if folders else None
    if path is None:
        raise CredentialError(
            f"the credential helper {program} is configured but not on the PATH",
            hint="install it, or remove it from the Docker configuration",
        )
    server = _HUB_SERVER if parse_host(registry).name == HUB_API else registry
    status, output = _run(path, f"{server}\n".encode(), environment, seconds)
    if status is None:
        raise CredentialError(f"{program} did not respond within {seconds:g} s for {printable(registry)}")
    if len(output) > _CAP:
        raise CredentialError(f"{program} answered more than {_CAP // 1024} KiB for {printable(registry)}")
    hint = f"`echo {printable(server)} | {program} get` shows why"
    if status != 0:
        if _NOT_FOUND in output.decode("utf-8", "replace").lower():
            return None
        raise CredentialError(f"{program} failed for {printable(registry)} (exit status {status})", hint=hint)
    try:
        answer = load_document(output, where=f"the answer of {program}")
    except CredentialError as error:
        raise CredentialError(error.what, hint=hint) from None  # the cause would quote the answer
    username, secret = answer.get("Username"), answer.get("Secret")
    if not isinstance(username, str) or not isinstance(secret, str):
        raise CredentialError(f"the answer of {program} has no Username and Secret", hint=hint)
    return login(username, secret, f"{program} for {printable(registry)}")


def _run(path: str, request: bytes, environment: Mapping[str, str], seconds: float) -> tuple[int | None, bytes]:
    """Exit status (None when it was stopped for taking too long) and the beginning of standard output."""
    try:
        process = subprocess.Popen(
            [path, "get"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environment),
            start_new_session=True,
        )
    except OSError as err:
        raise CredentialError(f"{Path(path).name} cannot be run: {err.strerror}") from err
    late = threading.Event()

    def stop() -> None:
        late.set()
        _kill(process)

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    try:
        timer.start()
    except RuntimeError as err:
        _kill(process)
        process.communicate()
        hint = "allow this user more processes and threads (ulimit -u)"
        raise CredentialError(f"{Path(path).name} cannot be run: no thread can be started", hint=hint) from err
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with contextlib.suppress(OSError):
            process.stdin.write(request)
            process.stdin.close()
        output = process.stdout.read(_CAP + 1)
        if len(output) > _CAP:
            _kill(process)
        status = process.wait()
    finally:
        timer.cancel()
        _kill(process)
        process.stdout.close()
        process.wait()
    return (None if late.is_set() else status), output


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the helper and whatever it started."""
    if process.returncode is not None:
        return
    with contextlib.suppress(OSError):
        kill(process)
