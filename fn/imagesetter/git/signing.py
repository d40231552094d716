"""Sign commits with the key of a Secret, which git gets for the duration of a run; git, gpg and ssh-keygen sign."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from imagesetter.errors import CredentialError, GitError
from imagesetter.git.automation import Automation
from imagesetter.git.command import Git
from imagesetter.git.secret_values import SecretValues
from krm_functions.messages import harmless

_SECONDS = 60
_REASON = re.compile(r"^(?!\s).*(?:fail|error|can't|cannot|[Bb]ad |no )")


@contextlib.contextmanager
def signing(automation: Automation, git: Git) -> Iterator[tuple[Git, tuple[str, ...]]]:
    """git, prepared to sign as the automation specifies, and the options of ``git commit`` for it.

    The Secret's keys are Flux's: ``git.asc`` and ``passphrase`` for gpg, ``identity`` and ``password`` for ssh. If
    the Secret is not in the files, git's own ``user.signingKey`` signs. Keys are in a directory that only this user can
    read, and are removed afterwards.

    Raises:
        CredentialError: the Secret cannot be used, or there is neither a Secret nor a key in git's configuration.
    """
    key = automation.signing_key
    if key is None:
        with _own_reason(git):
            yield git, ()
        return
    where = f"spec.git.commit.signingKey of ImageUpdateAutomation {automation.name}"
    form = "openpgp" if key.type == "gpg" else "ssh"
    if automation.signing_secret is None:
        if not git.setting("user.signingKey"):
            raise CredentialError(
                f"Secret {automation.name.namespace}:{key.secret_ref.name} is not in the files",
                where=where,
                hint="add it, or set a key of your own with `git config user.signingKey`",
            )
        # git's own key has the format of git's configuration, whatever the default type of the resource.
        with _own_reason(git):
            yield git if git.setting("gpg.format") else git.with_(config=[f"gpg.format={form}"]), ("--gpg-sign",)
        return
    git = git.with_(config=[f"gpg.format={form}"])
    with tempfile.TemporaryDirectory(prefix="imagesetter-key-") as name:
        folder = Path(name)
        secret = SecretValues(automation.signing_secret, f"Secret {key.secret_ref.name}, {where}")
        if key.type == "gpg":
            with _gpg(folder, secret, git) as prepared:
                yield prepared, ("--gpg-sign",)
        else:
            yield _ssh(folder, secret, git), ("--gpg-sign",)


@contextlib.contextmanager
def _own_reason(git: Git) -> Iterator[None]:
    """Add gpg's own reason to an error about the user's own key."""
    try:
        yield
    except GitError as error:
        if "gpg failed to sign" in error.what:
            program, key = git.setting("gpg.program") or "gpg", git.setting("user.signingKey")
            user = ("--local-user", key) if key else ()
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                tried = subprocess.run(
                    [program, "--batch", "--no-tty", *user, "--detach-sign"],
                    input=b"", capture_output=True, timeout=_SECONDS, check=False,
                )  # fmt: skip
                error.what = "; ".join((error.what, *_reasons(tried.stderr)))
        raise


def _write(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.touch(mode=mode)
    path.write_bytes(data)
    return path


@contextlib.contextmanager
def _gpg(folder: Path, secret: SecretValues, git: Git) -> Iterator[Git]:
    settings = "batch\nno-tty\npinentry-mode loopback\n"
    passphrase = secret.value("passphrase")
    if passphrase is not None:
        # gpg reads one line only.
        file = _write(folder / "passphrase", passphrase.rstrip(b"\n"))
        settings += f"passphrase-file {file}\n"
    _write(folder / "gpg.conf", settings.encode())
    environment = {"GNUPGHOME": str(folder)}
    gpg = shutil.which("gpg")
    if gpg is None:
        raise CredentialError("gpg is not installed, but signs the commit", where=secret.where, hint="install gpg")

    def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [gpg, *arguments],
            input=stdin,
            capture_output=True,
            env={"PATH": str(Path(gpg).parent) + ":/usr/bin:/bin", **environment},
            timeout=_SECONDS,
            check=False,
        )

    try:
        imported = run("--import", stdin=secret.required("git.asc"))
        listing = run("--with-colons", "--list-secret-keys").stdout.decode(errors="replace")
        prints = [line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:")]
        owners = sum(line.startswith("sec:") for line in listing.splitlines())
        if owners > 1:
            raise CredentialError(
                "contains several keys, and cannot determine which signing key to use",
                where=secret.where,
                hint="export only one secret key into git.asc",
            )
        if imported.returncode or not prints:
            hint = "export the key with `gpg --export-secret-keys --armor ID`"
            what = "; ".join(("git.asc contains no secret key that gpg can read", *_reasons(imported.stderr)))
            raise CredentialError(what, where=secret.where, hint=hint)
        try:
            yield git.with_(environment=environment, config=[f"user.signingKey={prints[0]}", f"gpg.program={gpg}"])
        except GitError as error:
            if "sign" in error.what:
                # git before 2.40 does not say what gpg said.
                tried = run("--local-user", prints[0], "--detach-sign")
                error.what = "; ".join((error.what, *_reasons(tried.stderr)))
            raise
    finally:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(
                ["gpgconf", "--homedir", str(folder), "--kill", "all"],
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )


def _reasons(stderr: bytes) -> list[str]:
    """What gpg says last of why it failed."""
    lines = (line.removeprefix("gpg: ") for line in stderr.decode(errors="replace").splitlines())
    return [harmless(line) for line in lines if _REASON.search(line)][-2:]


def _ssh(folder: Path, secret: SecretValues, git: Git) -> Git:
    identity = secret.required("identity")
    key = _write(folder / "identity", identity if identity.endswith(b"\n") else identity + b"\n")
    environment: dict[str, str] = {}
    password = secret.value("password")
    if password is not None:
        _write(folder / "password", password)
        ask = _write(folder / "ask", f'#!/bin/sh\nexec cat "{folder / "password"}"\n'.encode(), 0o700)
        environment = {"SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":"}
    return git.with_(environment=environment, config=[f"user.signingKey={key}"])
