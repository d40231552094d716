"""The logins of this machine: what ``docker login`` and ``podman login`` left behind.

Looked for in this order, and each file is passed over when it has nothing for the registry:

1. ``$REGISTRY_AUTH_FILE``
2. ``$DOCKER_CONFIG/config.json``, or else ``~/.docker/config.json``
3. ``$XDG_RUNTIME_DIR/containers/auth.json``, or else ``/run/containers/UID/auth.json``
4. ``$XDG_CONFIG_HOME/containers/auth.json``, by default ``~/.config/containers/auth.json``
5. ``~/.dockercfg``

Within a file: ``credHelpers``, then ``auths``, where the longest key that the repository lies under wins, at a ``/``
boundary; then ``credsStore``. The store is asked only for a host that has an entry in ``auths``, as
``docker login`` leaves one, or that the operator allowed by name: some stores make up credentials for any host they
are asked about, and the host may come from a stranger.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path

from imagesetter.errors import CredentialError, EgressRefused
from imagesetter.files.read import read_own
from imagesetter.registry.auth.credentials import Credential, Lookup, load_document, read_entry, section
from imagesetter.registry.http.address_rules import AddressRules
from imagesetter.registry.http.hosts import Host, parse_host
from imagesetter.registry.http.redaction import printable
from krm_functions.errors import InputError

_LARGEST = 16 * 1024 * 1024


def credential_files(environment: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """The files that may hold logins, in the order in which they count."""
    named = [Path(environment["REGISTRY_AUTH_FILE"])] if environment.get("REGISTRY_AUTH_FILE") else []
    docker = Path(environment.get("DOCKER_CONFIG") or home / ".docker")
    runtime = environment.get("XDG_RUNTIME_DIR")
    run = Path(runtime) if runtime else Path(f"/run/containers/{os.getuid() if hasattr(os, 'getuid') else 0}")
    podman = run / "containers" / "auth.json" if runtime else run / "auth.json"
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "containers" / "auth.json"
    return (*named, docker / "config.json", podman, config, home / ".dockercfg")


class LocalKeychain:
    """The keychain over those files; read when first asked, each helper run once for a host."""

    def __init__(
        self, files: tuple[Path, ...], environment: Mapping[str, str], egress: AddressRules | None = None
    ) -> None:
        self.files = files
        self.environment = environment
        self.egress = egress or AddressRules()
        self._lock = threading.Lock()
        self._documents: dict[Path, Mapping[str, object]] = {}
        self._helped: dict[tuple[str, str], Credential | CredentialError | None] = {}
        self._running: dict[tuple[str, str], threading.Lock] = {}

    def find(self, registry: str, path: str) -> Lookup:
        """See `imagesetter.registry.auth.credentials.Keychain.find`."""
        host = parse_host(registry)
        notes = []
        for file in self.files:
            document = self._document(file)
            if not document:  # most of these files do not exist
                continue
            lookup = self._find_in(file, document, registry, host, path)
            if lookup.credential is not None:
                return Lookup(lookup.credential, f"{host}: credentials from {lookup.credential.source}")
            if lookup.note:
                notes.append(lookup.note)
        return Lookup(None, "; ".join(notes))

    @property
    def has_helpers(self) -> bool:
        """Whether one of the files names a program that has logins.

        Raises:
            CredentialError: a file cannot be read.
        """
        return any(self._document(file).get(name) for file in self.files for name in ("credHelpers", "credsStore"))

    def _find_in(self, file: Path, document: Mapping[str, object], registry: str, host: Host, path: str) -> Lookup:
        for _, helper in matching_keys(section(document, "credHelpers", where=str(file)), host, path):
            if isinstance(helper, str) and helper:
                credential = self._ask(helper, registry)
                if credential is not None:
                    return Lookup(credential)
        keys = matching_keys(section(document, "auths", where=str(file)), host, path)
        for key, entry in keys:
            credential = read_entry(entry, where=f"{file} ({printable(key)})")
            if credential is not None:
                return Lookup(credential)
        store = document.get("credsStore")
        if not isinstance(store, str) or not store:
            return Lookup()
        if not keys and not self.egress.trusts(host):
            return Lookup(
                None,
                f"the credential store '{printable(store)}' of {file} is not asked about {host}, which is neither among"
                f" its auths nor allowed by name (--allow-registry {host})",
            )
        return Lookup(self._ask(store, registry))

    def _ask(self, helper: str, registry: str) -> Credential | None:
        from imagesetter.registry.auth.credential_helper import ask_helper  # subprocess, and few machines have one

        question = (helper, registry)
        with self._lock:
            running = self._running.setdefault(question, threading.Lock())
        with running:
            if question not in self._helped:
                try:
                    self._helped[question] = ask_helper(helper, registry, self.environment)
                except CredentialError as err:
                    self._helped[question] = err
            answer = self._helped[question]
        if isinstance(answer, CredentialError):
            raise answer
        return answer

    def _document(self, file: Path) -> Mapping[str, object]:
        with self._lock:
            if file not in self._documents:
                self._documents[file] = _read(file)
            return self._documents[file]


def matching_keys(entries: Mapping[str, object], host: Host, path: str) -> list[tuple[str, object]]:
    """The entries whose key means the host, or a path on it that the repository lies under; longest path first.

    ``https://``, ``/v1/`` and ``/v2/`` around a key are Docker's habit and mean nothing; Docker Hub's names are one.
    """
    found = []
    for key, entry in entries.items():
        name, _, place = key.removeprefix("https://").removeprefix("http://").partition("/")
        place = place.strip("/")
        for version in ("v1", "v2"):
            place = "" if place == version else place.removeprefix(f"{version}/")
        if _same_host(name, host) and (not place or path == place or path.startswith(f"{place}/")):
            found.append((len(place), key, entry))
    return [(key, entry) for _, key, entry in sorted(found, key=lambda row: (-row[0], row[1]))]


def _same_host(text: str, host: Host) -> bool:
    text = text.removeprefix("https://").removeprefix("http://").partition("/")[0]
    try:
        other = parse_host(text)
    except EgressRefused:
        return False
    return other.name == host.name and (other.port or 443) == (host.port or 443)


def _read(file: Path) -> Mapping[str, object]:
    try:
        data = read_own(file, limit=_LARGEST)
    except InputError as err:
        if isinstance(err.__cause__, FileNotFoundError):
            return {}
        if isinstance(err.__cause__, NotADirectoryError):
            hint = f"if that is DOCKER_CONFIG: it names the directory of {file.name}"
            raise CredentialError(f"{file.parent} is not a directory", hint=hint) from err
        raise CredentialError(f"{file} {err.what}") from err
    if not data.strip():
        return {}
    document = load_document(data, where=str(file))
    return {"auths": document} if file.name == ".dockercfg" else document
