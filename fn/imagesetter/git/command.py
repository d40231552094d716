"""Run git as a program: with argument lists, never a shell; bounded in time; no prompts; no secrets in messages.

All of the user's ways to reach a remote work (credential helpers, SSH keys, ``insteadOf``, proxies, push hooks). What
decides the bytes of a file or a commit is fixed: line ends are not converted, no hooks run except before a push, LFS
files stay pointers. Only commands in the user's own checkout use that checkout's settings.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from imagesetter.errors import GitError
from imagesetter.git.bounded_process import OutputTooLarge, read_output, terminate
from imagesetter.registry.http.limits import Deadline
from krm_functions.errors import UsageError
from krm_functions.messages import os_error_hint
from krm_functions.redaction import without_logins

TIMEOUT = 60.0
"""Seconds for one git command that talks to a remote; Flux's default for a GitRepository."""
LONGEST_TIMEOUT = 300.0
"""The maximum of a GitRepository's ``spec.timeout`` in seconds, unless the operator sets a limit."""

# A hook, or a script run by `git rebase --exec`, inherits these; they would point git at the wrong repository, or
# contradict how paths are given.
_LOCAL = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_GLOB_PATHSPECS",
    "GIT_GRAFT_FILE",
    "GIT_ICASE_PATHSPECS",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)
_SETTINGS = ("advice.detachedHead=false", "gc.auto=0", "i18n.commitEncoding=UTF-8")
_TREE_SETTINGS = ("core.autocrlf=false", "core.fsmonitor=false", "core.sparseCheckout=false")
_NO_TEXT = "a field contains a character that git does not accept"
_NO_HOOKS = "core.hooksPath=/dev/null"
_LABEL = re.compile(r"^(?:fatal|error): ")
# GIT_TRACE writes between the messages; the last lines of ssh and git do not say what went wrong.
_NOISE = re.compile(
    r"hint:|\d\d:\d\d:\d\d\.\d{6} |.*Could not read from remote repository\.$"
    r"|Please make sure you have the correct access|and the repository exists\.$|.*the remote end hung up unexpectedly$"
)
_ADVICE = (
    (
        r"requested URL returned error: 30[1278]",
        "git does not follow redirects here: set the GitRepository's spec.url to the URL that the server redirects "
        "to, such as one that ends in .git",
    ),
    (
        r"Host key verification failed",
        "the server's key is not in known_hosts: compare its fingerprint with the published one, then add the key "
        "(`ssh-keyscan` prints it)",
    ),
    (
        r"Authentication failed|could not read (?:Username|Password)|terminal prompts disabled"
        r"|Permission denied(?: \(|, please)|returned error: 40[13]",
        "give git credentials that may push: a credential helper, an SSH key, or the CI job's checkout step",
    ),
    (
        r"certificate verification failed|SSL certificate|self.signed certificate",
        "give git the certificate of your certificate authority: `git config http.sslCAInfo FILE`, or GIT_SSL_CAINFO",
    ),
    (
        r"repository '.*' not found|Repository not found|does not appear to be a git repository",
        "check the URL and the credentials: servers also answer this if the credentials have no access",
    ),
)


@dataclass(frozen=True, slots=True)
class CompletedCommand:
    """The result of a git command."""

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
        own: this is the user's own checkout: its settings for line ends, sparse checkout and LFS apply.
        deadline: the whole run's, for a git that talks to a remote.
    """

    directory: Path
    timeout: float = TIMEOUT
    environment: Mapping[str, str] = field(default_factory=dict)
    config: tuple[str, ...] = ()
    own: bool = False
    deadline: Deadline | None = None

    def with_(self, *, environment: Mapping[str, str] | None = None, config: Sequence[str] = ()) -> Git:
        """The same with more variables and settings."""
        return replace(self, environment={**self.environment, **(environment or {})}, config=(*self.config, *config))

    def run(
        self, *arguments: str, stdin: bytes = b"", accept: Sequence[int] = (0,), hooks: bool = False
    ) -> CompletedCommand:
        """Run one git command.

        Args:
            arguments: the subcommand and its arguments.
            stdin: what it reads.
            accept: exit statuses that are not errors.
            hooks: whether the repository's hooks may run.

        Raises:
            GitError: another exit status, or the time is over; the message is git's, without credentials.
        """
        settings = [*_SETTINGS, *(() if self.own else _TREE_SETTINGS), *(() if hooks else (_NO_HOOKS,)), *self.config]
        command = ["git", *(part for setting in settings for part in ("-c", setting)), *arguments]
        done = self._done(command, arguments[0], stdin)
        if done.status not in accept:
            raise self.error(arguments[0], done)
        return done

    def _done(self, command: list[str], name: str, stdin: bytes) -> CompletedCommand:
        limit = self._limit(name)
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
                hint = "run imagesetter in an existing directory"
                raise GitError(f"the directory {self.directory} does not exist", hint=hint) from error
            raise UsageError("git is not installed, or not on PATH", hint="install git 2.31 or later") from error
        except OSError as error:
            raise GitError(f"cannot run git {name}: {error.strerror}", hint=os_error_hint(error)) from error
        except ValueError as error:  # a NUL, or half of a surrogate pair, in an argument or a variable
            raise GitError(f"cannot run git {name}: {error}", hint=_NO_TEXT) from error
        try:
            out, err = read_output(process, stdin, limit)
        except subprocess.TimeoutExpired as error:
            terminate(process)
            self._limit(name)
            raise GitError(
                f"git {name} was stopped after {self.timeout:g} s",
                hint="check that the remote is reachable, or raise GitRepository.spec.timeout (at most --git-timeout)",
            ) from error
        except OutputTooLarge as error:
            terminate(process)
            hint = "check the size of the repository's files and names"
            raise GitError(f"git {name} was stopped: its output is too large", hint=hint) from error
        except BaseException:
            terminate(process)
            raise
        return CompletedCommand(process.returncode, out, err.decode(errors="replace"))

    def _limit(self, name: str) -> float:
        """Seconds that a command may take now.

        Raises:
            GitError: the run's deadline has passed.
        """
        left = self.deadline.left() if self.deadline else self.timeout
        if self.deadline and left <= 0:
            missed = self.deadline.missed(f"git {name} did not end in time")
            raise GitError(missed.what, hint=missed.hint) from missed
        return min(self.timeout, left)

    def _environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if name not in _LOCAL},
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GCM_INTERACTIVE": "never",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            **({} if self.own else {"GIT_LFS_SKIP_SMUDGE": "1"}),
            **self.environment,
        }

    def error(self, name: str, done: CompletedCommand) -> GitError:
        """The error of a failed command, with git's message."""
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        relevant = [line for line in lines if not _NOISE.match(line)] or lines
        words = "; ".join(_LABEL.sub("", line) for line in relevant[-6:]).replace(":; ", ": ")
        text = redacted(words) or f"exit status {done.status}"
        hint = next((hint for pattern, hint in _ADVICE if re.search(pattern, text)), "")
        return GitError(f"git {name} failed: {text}", hint=hint)

    def commit_of(self, revision: str) -> str:
        """The full hash of a commit, or an empty string if it does not exist."""
        return self.run(
            "rev-parse", "--quiet", "--verify", "--end-of-options", f"{revision}^{{commit}}", accept=(0, 1, 128)
        ).text

    def setting(self, name: str) -> str:
        """A configured value, or an empty string."""
        return self.run("config", "--get", name, accept=(0, 1)).text

    def check_branch(self, name: str, where: str) -> str:
        """Check the name of a branch, and return it.

        Raises:
            GitError: the name is not valid; *where* names the field that has it.
        """
        return self._checked(f"refs/heads/{name}", name, "branch", where)

    def check_tag(self, name: str, where: str) -> str:
        """Check the name of a tag; see `check_branch`."""
        return self._checked(f"refs/tags/{name}", name, "tag", where)

    def check_ref(self, name: str, where: str) -> str:
        """Check the full name of a ref, such as ``refs/pull/1/head``; see `check_branch`."""
        return self._checked(name, name if name.startswith("refs/") else "-", "ref", where, shown=name)

    def _checked(self, full: str, name: str, kind: str, where: str, shown: str = "") -> str:
        fine = not name.startswith("-") and "\0" not in full and "\n" not in full
        if not fine or self.run("check-ref-format", full, accept=(0, 1)).status:
            hint = "write it in full, such as refs/pull/1/head" if kind == "ref" else ""
            raise GitError(f"{shown or name!r} is not a valid name of a {kind}", where=where, hint=hint)
        return name


def time_limit(asked: float | None, operator: float | None) -> float:
    """Seconds for one git command: the GitRepository's timeout, up to the operator's limit."""
    return min(asked or operator or TIMEOUT, operator or LONGEST_TIMEOUT)


def redacted(text: str) -> str:
    """A text without the user names and passwords of its URLs."""
    return without_logins(text)


def without_password(url: str) -> str:
    """A URL without its password; an ssh URL keeps its user name."""
    scheme, separator, rest = url.partition("://")
    if not separator or "@" not in rest:
        return url
    login, _, host = rest.rpartition("@")
    user = f"{login.partition(':')[0]}@" if scheme.endswith("ssh") else ""
    return f"{scheme}://{user}{host}"


def toplevel(directory: Path) -> Path | None:
    """The top of the checkout that a directory is in, or None.

    Raises:
        GitError: git refuses to work in the checkout (``safe.directory``).
    """
    git = Git(directory, own=True)
    done = git.run("rev-parse", "--show-toplevel", accept=(0, 128))
    if done.status == 0:
        return Path(done.text)
    if "not a git repository" in done.stderr or "must be run in a work tree" in done.stderr:
        return None
    raise git.error("rev-parse", done)


def remote_url(directory: Path) -> str:
    """The URL of ``origin``; empty if there is none."""
    done = Git(directory, own=True).run("remote", "get-url", "--end-of-options", "origin", accept=(0, 2, 128))
    return done.text if done.status == 0 else ""
