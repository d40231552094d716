"""The real git, run as a program: argument lists, never a shell; bounded in time; no prompt; no secret in a message.

Whatever a user's git does to reach a remote (credential helpers, SSH keys, ``insteadOf``, proxies, push hooks) works
here as well, since it is that git. What decides the bytes of a file or of a commit is fixed: line ends are not
converted, hooks do not run except before a push, LFS files stay pointers.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from imagesetter.errors import GitError, UsageError

TIMEOUT = 60.0
"""Seconds for one git command that talks to a remote; Flux's default for a GitRepository."""

# A hook, or a script run by `git rebase --exec`, inherits these; they would point git at the wrong repository.
_LOCAL = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)
_SETTINGS = (
    "core.autocrlf=false",
    "core.sparseCheckout=false",
    "advice.detachedHead=false",
    "gc.auto=0",
    "i18n.commitEncoding=UTF-8",
)
_NO_HOOKS = "core.hooksPath=/dev/null"
_PASSWORD = re.compile(r"(?<=://)[^/@\s]+@")
_LABEL = re.compile(r"^(?:fatal|error): ")
_AUTH = re.compile(
    r"Authentication failed|could not read (?:Username|Password)|terminal prompts disabled"
    r"|Permission denied(?: \(|, please)|Host key verification failed|returned error: 40[13]",
)
_AUTH_HINT = "give git its credentials by its own means: a credential helper, an SSH key, or the CI job's checkout step"


@dataclass(frozen=True, slots=True)
class Done:
    """What a git command left."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        """Standard output without the final line end."""
        return self.stdout.decode(errors="surrogateescape").rstrip("\n")


@dataclass(frozen=True, slots=True)
class Git:
    """git in one directory.

    Args:
        directory: where it runs.
        timeout: seconds that one command may take.
        environment: variables besides the process's own.
        config: ``key=value`` settings of each command.
    """

    directory: Path
    timeout: float = TIMEOUT
    environment: Mapping[str, str] = field(default_factory=dict)
    config: tuple[str, ...] = ()

    def with_(self, *, environment: Mapping[str, str] | None = None, config: Sequence[str] = ()) -> Git:
        """The same with more variables and settings."""
        return replace(self, environment={**self.environment, **(environment or {})}, config=(*self.config, *config))

    def run(self, *arguments: str, stdin: bytes = b"", accept: Sequence[int] = (0,), hooks: bool = False) -> Done:
        """Run one git command.

        Args:
            arguments: the subcommand and its arguments.
            stdin: what it reads.
            accept: exit statuses that are no error.
            hooks: whether the repository's hooks may run.

        Raises:
            GitError: another exit status, or no end within the time; the message is git's, without credentials.
        """
        settings = [*_SETTINGS, *([] if hooks else [_NO_HOOKS]), *self.config]
        command = ["git", *(part for setting in settings for part in ("-c", setting)), *arguments]
        done = self._done(command, arguments[0], stdin)
        if done.status not in accept:
            raise self.error(arguments[0], done)
        return done

    def _done(self, command: list[str], name: str, stdin: bytes) -> Done:
        try:
            # A session of its own: no terminal to prompt on, and one group to end, ssh and helpers included.
            process = subprocess.Popen(
                command,
                cwd=self.directory,
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            if not self.directory.is_dir():
                raise GitError(f"{self.directory}: no such directory") from error
            raise UsageError("git is not installed, or not on PATH", hint="install git 2.31 or later") from error
        try:
            out, err = process.communicate(stdin, timeout=self.timeout)
        except subprocess.TimeoutExpired as error:
            _end(process)
            raise GitError(
                f"git {name} did not end within {self.timeout:g} s, and was stopped",
                hint="is the remote reachable? the limit is GitRepository.spec.timeout, or --git-timeout",
            ) from error
        except BaseException:
            _end(process)
            raise
        return Done(process.returncode, out, err.decode(errors="replace"))

    def _environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if name not in _LOCAL},
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_LFS_SKIP_SMUDGE": "1",
            **self.environment,
        }

    def error(self, name: str, done: Done) -> GitError:
        """The error for a command that git refused, in git's own words."""
        lines = [
            _LABEL.sub("", line.strip()) for line in done.stderr.splitlines() if line and not line.startswith("hint:")
        ]
        text = redacted("; ".join(line for line in lines[-6:] if line)) or f"exit status {done.status}"
        return GitError(f"git {name} failed: {text}", hint=_AUTH_HINT if _AUTH.search(text) else "")

    def commit_of(self, revision: str) -> str:
        """The full hash of a commit, or an empty text where there is none."""
        return self.run(
            "rev-parse", "--quiet", "--verify", "--end-of-options", f"{revision}^{{commit}}", accept=(0, 1, 128)
        ).text

    def setting(self, name: str) -> str:
        """A configured value, or an empty text."""
        return self.run("config", "--get", name, accept=(0, 1)).text

    def check_branch(self, name: str, where: str) -> str:
        """The name, if a branch can have it.

        Raises:
            GitError: it cannot; *where* says which field asked for it.
        """
        return self._checked(f"refs/heads/{name}", name, "branch", where)

    def check_tag(self, name: str, where: str) -> str:
        """The name, if a tag can have it; see `check_branch`."""
        return self._checked(f"refs/tags/{name}", name, "tag", where)

    def check_ref(self, name: str, where: str) -> str:
        """The full name of a ref, such as ``refs/pull/1/head``; see `check_branch`."""
        return self._checked(name, name if name.startswith("refs/") else "-", "ref", where, shown=name)

    def _checked(self, full: str, name: str, kind: str, where: str, shown: str = "") -> str:
        fine = not name.startswith("-") and "\0" not in full and "\n" not in full
        if not fine or self.run("check-ref-format", full, accept=(0, 1)).status:
            hint = "write it in full, such as refs/pull/1/head" if kind == "ref" else ""
            raise GitError(f"{shown or name!r} cannot be the name of a {kind}", where=where, hint=hint)
        return name


def redacted(text: str) -> str:
    """A text without the user names and passwords of its URLs."""
    return _PASSWORD.sub("***@", text)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired, ValueError):
        process.communicate(timeout=5)


def toplevel(directory: Path) -> Path | None:
    """The top of the checkout that a directory is in, or None."""
    done = Git(directory).run("rev-parse", "--show-toplevel", accept=(0, 128))
    return Path(done.text) if done.status == 0 else None


def remote_url(directory: Path) -> str:
    """Where ``origin`` of a checkout is; empty where it has none."""
    done = Git(directory).run("remote", "get-url", "--end-of-options", "origin", accept=(0, 2, 128))
    return done.text if done.status == 0 else ""
