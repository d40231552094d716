"""The user's own kustomize: which program it is, what it was asked for, and what it builds."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from imagesetter.errors import BuildError
from imagesetter.git.bounded_process import terminate
from krm_functions.errors import UsageError

BUILDS: Final = ("build", "kustomize")
"""The commands that build: ``kustomize build``, ``kubectl kustomize``."""
_WITH_VALUE: Final = frozenset(
    {"-e", "--env", "--helm-api-versions", "--helm-command", "--helm-kube-version", "--load-restrictor", "--mount"}
    | {"--network-name", "-o", "--output", "--reorder"}
)
"""Options of ``kustomize build`` that take a value (5.8.2, and what older ones had)."""
_OUTPUT: Final = ("-o", "--output")


class Arguments(NamedTuple):
    """The arguments of a build: the directory (empty where none is named), and the options but for the output's."""

    directory: str
    options: tuple[str, ...]
    output: bool
    """Whether a file for the output was named."""


class Program(NamedTuple):
    """A program that builds: its command, up to where the directory follows."""

    command: tuple[str, ...]
    options: tuple[str, ...]
    folder: Path
    """Where it runs."""
    environment: Mapping[str, str]


class Built(NamedTuple):
    """What a build left: exit status, the stream, and what it wrote to standard error."""

    status: int
    stream: bytes
    messages: str


def parse_arguments(arguments: Sequence[str]) -> Arguments | None:
    """The arguments behind ``kustomize build``; None where they cannot be told apart."""
    directories: list[str] = []
    options: list[str] = []
    output = False
    waiting = list(reversed(arguments))
    while waiting:
        word = waiting.pop()
        name, has_value, _ = word.partition("=")
        if word == "--":
            directories += reversed(waiting)
            break
        if not word.startswith("-") or word == "-":
            directories.append(word)
            continue
        short = not word.startswith("--") and word[:2] in _WITH_VALUE
        words = [word]
        if (name in _WITH_VALUE and not has_value) or (short and len(word) == 2):
            if not waiting:
                return None
            words.append(waiting.pop())
        if name in _OUTPUT or (short and word[:2] in _OUTPUT):
            output = True
        else:
            options += words
    return Arguments(directories[0] if directories else "", tuple(options), output) if len(directories) < 2 else None


def find_program(given: str, options: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Program:
    """The program that the user builds with: the one that is named, else kustomize, else kubectl.

    Raises:
        UsageError: it does not exist.
    """
    path = environment.get("PATH")
    words = shlex.split(given)
    if not words:
        words = ["kustomize"] if shutil.which("kustomize", path=path) or not shutil.which("kubectl", path=path) else []
        words = words or ["kubectl"]
    found = shutil.which(words[0], path=path)
    if found is None:
        hint = "install kustomize or kubectl, or name the program with --kustomize"
        raise UsageError(f"{words[0]} is not on PATH", where="--kustomize", hint=hint)
    if len(words) == 1 or words[-1] not in BUILDS:
        words.append("kustomize" if "kubectl" in Path(words[0]).name else "build")
    return Program((found, *words[1:]), tuple(options), folder, environment)


def build(program: Program, directory: Path, more: Mapping[str, str], *, stream: bool = True) -> Built:
    """Build a directory.

    Args:
        program: what builds.
        directory: of the kustomization.
        more: variables of the environment besides the program's.
        stream: whether the stream is wanted.

    Raises:
        BuildError: the program cannot be started.
    """
    command = [*program.command, str(directory), *program.options]
    try:
        process = subprocess.Popen(
            command,
            cwd=program.folder,
            env={**program.environment, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if stream else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=os.name == "posix",
        )
    except OSError as error:
        raise BuildError(f"cannot be run: {error.strerror}", where=program.command[0]) from error
    try:
        output, messages = process.communicate()
    except BaseException:
        terminate(process)
        raise
    return Built(process.returncode, output or b"", messages.decode("utf-8", "replace"))
