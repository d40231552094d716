"""Where POSIX is missing, as on Windows: every module can be imported, and the main job runs from end to end."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

from support.fakes import Reply, Seen, run_fake
from support.hiding import run, run_each, without
from support.sources import FN, parsed

MODULES = ["fcntl", "pwd", "grp", "termios", "resource", "tty", "pty", "syslog", "readline", "_posixsubprocess"]
FUNCTIONS = [
    *("fork", "forkpty", "fchown", "fchmod", "chown", "lchown", "getuid", "geteuid", "getgid", "getegid", "getgroups"),
    *("setuid", "seteuid", "setgid", "setegid", "setsid", "killpg", "getpgid", "getpgrp", "setpgid", "mkfifo", "mknod"),
    *("O_NOFOLLOW", "O_DIRECTORY", "O_CLOEXEC", "O_NONBLOCK", "O_NOCTTY", "O_SYNC", "posix_spawn", "statvfs"),
    *("sched_getaffinity", "getloadavg", "pread", "pwrite", "sendfile", "uname", "ctermid", "openpty", "nice"),
]
SIGNALS = ["SIGKILL", "SIGALRM", "SIGHUP", "SIGPIPE", "SIGCHLD", "SIGQUIT", "pthread_sigmask", "alarm", "setitimer"]
NO_FOLDER = """
import os, signal
for name in {functions!r}:
    if hasattr(os, name):
        delattr(os, name)
for name in {signals!r}:
    if hasattr(signal, name):
        delattr(signal, name)
os_open = os.open

def open_file(path, flags, *rest, **named):
    if os.path.isdir(path):
        raise PermissionError(13, "Permission denied", str(path))  # Windows opens no directory
    return os_open(path, flags, *rest, **named)

os.open = open_file
"""
# The standard library reads what it needs of POSIX when it is imported: that it does not miss, as on Windows.
STANDARD = """
import subprocess, socket, ssl, selectors, threading, tempfile, shutil, platform, logging, asyncio, multiprocessing
import uuid, getpass, pathlib, concurrent.futures, http.client, urllib.request, ctypes, random, secrets
"""
WINDOWS = STANDARD + without(MODULES[:-1]) + NO_FOLDER.format(functions=FUNCTIONS, signals=SIGNALS)
IMPORT_ALL = """
import importlib, pkgutil
import imagesetter
names = [module.name for module in pkgutil.walk_packages(imagesetter.__path__, "imagesetter.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(len(names) > 100)
"""
POLICIES = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: web, namespace: apps}
spec: {image: HOST/web, interval: 5m, insecure: true}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web, namespace: apps}
spec: {imageRepositoryRef: {name: web}, policy: {semver: {range: 1.x}}}
"""
FIELD = 'image: HOST/web:1.0.0 # {"$imagepolicy": "apps:web"}\r\n'
FILES = 6


def test_every_module_can_be_imported(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WINDOWS + IMPORT_ALL], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


def respond(seen: Seen) -> Reply:
    if "/manifests/" in seen.path:
        return Reply(body={"schemaVersion": 2, "layers": []})
    return Reply(body={"name": "web", "tags": ["1.0.0", "1.1.0"]})


def tree(folder: Path, host: str) -> None:
    (folder / "policies.yaml").write_text(POLICIES.replace("HOST", host))
    for number in range(FILES):  # several, so that they are written by several threads
        (folder / f"field{number}.yaml").write_bytes(FIELD.replace("HOST", host).encode())


def test_an_update_from_a_registry_runs_twice_and_asks_once(tmp_path: Path) -> None:
    work, cache = tmp_path / "work", tmp_path / "cache"
    work.mkdir()
    with run_fake(respond) as registry:
        tree(work, registry.host)
        options = ["--cache-dir", str(cache), "--allow-registry", registry.host, "--output", "json=report.json", "."]
        first = run(WINDOWS, ["update", *options], work)
        again = run(WINDOWS, ["update", *options], work)
        asked = [path for path in registry.paths() if "/tags/list" in path]
    assert (first.returncode, first.stderr) == (0, "")
    assert f"{FILES} fields changed" in first.stdout
    assert again.returncode == 0
    assert re.fullmatch(r"info: scan of \d\d:\d\d; --refresh asks again\n", again.stderr)
    assert f"0 fields changed, {FILES} up to date" in again.stdout
    assert len(asked) == 1
    new = FIELD.replace("HOST", registry.host).replace("1.0.0", "1.1.0").encode()
    assert [(work / f"field{number}.yaml").read_bytes() for number in range(FILES)] == [new] * FILES
    assert sorted(path.name for path in work.iterdir()) == [
        *(f"field{number}.yaml" for number in range(FILES)),
        *("policies.yaml", "report.json"),
    ]
    assert b"\r\n" not in (work / "report.json").read_bytes()


def test_other_commands_end_without_a_traceback(tmp_path: Path) -> None:
    tree(tmp_path, "registry.example.com")
    runs = [["lint"], ["doctor", "--offline"], ["test", "."], ["mark", "--diff"]]
    found = run_each(WINDOWS, runs, tmp_path)
    assert [ran.status for ran in found] == [0, 0, 2, 0], "\n".join(map(str, found))
    assert "Traceback" not in "".join(map(str, found))


def test_a_lock_is_made_held_and_applied(tmp_path: Path) -> None:
    with run_fake(respond) as registry:
        tree(tmp_path, registry.host)
        made = run(WINDOWS, ["lock", "--no-cache", "--allow-registry", registry.host], tmp_path)
    hold = run(WINDOWS, ["hold", "apps:web", "1.0.0", "--reason", "a test"], tmp_path)
    applied = run(WINDOWS, ["update", "--from", "lock", "."], tmp_path)
    for done in (made, hold, applied):
        assert "Traceback" not in done.stderr
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "images.lock.yaml").exists()


def test_what_is_posix_alone_is_called_in_one_module() -> None:
    """And elsewhere only behind ``hasattr``."""
    package = FN / "imagesetter"
    used = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(parsed(path)):
            match node:
                case ast.Attribute(value=ast.Name(id="os" | "signal"), attr=name) if name in (*FUNCTIONS, *SIGNALS):
                    used.add((path.relative_to(package).as_posix(), name))
                case ast.Import(names=[ast.alias(name=name)]) if name in MODULES:
                    used.add((path.relative_to(package).as_posix(), name))
                case ast.ImportFrom(module=name) if name in MODULES:
                    used.add((path.relative_to(package).as_posix(), name))
    assert ("files/platform.py", "fchown") in used
    assert {(file, name) for file, name in used if file != "files/platform.py"} == {
        ("registry/auth/docker_config.py", "getuid"),
        ("files/atomic_write.py", "pthread_sigmask"),
    }
