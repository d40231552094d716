"""Who is believed to be the registry, and who we say we are: certificate authorities and client certificates.

The system's authorities are always believed (``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` replace them, as for every OpenSSL
program). More are *added*, as Flux adds them: by an ImageRepository's ``certSecretRef``, or by a ``certs.d`` folder
that Docker and podman read as well::

    /etc/docker/certs.d/registry.example.com:5000/ca.crt        an authority
                                                  client.cert   a client certificate
                                                  client.key    and its key
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from imagesetter.errors import CredentialError, EgressRefused
from imagesetter.files.read import read_own
from imagesetter.registry.http.hosts import parse_host
from krm_functions.errors import InputError

if TYPE_CHECKING:
    import ssl

_LARGEST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Tls:
    """Authorities to trust besides the system's, and a client certificate to show; PEM."""

    ca: bytes = b""
    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)
    source: str = field(default="", compare=False)
    """Where it was found, for messages."""

    def joined(self, other: Tls) -> Tls:
        """Both authorities; this one's client certificate, if it has one."""
        own = self if self.certificate else other
        ca = b"\n".join(part for part in (self.ca, other.ca) if part)
        return Tls(ca, own.certificate, own.key, self.source or other.source)


def make_context(tls: Tls | None, environment: Mapping[str, str] | None = None) -> ssl.SSLContext:
    """A TLS client that verifies, with the system's authorities and those of *tls*.

    Raises:
        CredentialError: a certificate or key that cannot be read; the message names its source, never its content.
    """
    import ssl

    environment = os.environ if environment is None else environment
    named = environment.get("SSL_CERT_FILE", "")
    if named and not Path(named).is_file():
        raise CredentialError(f"SSL_CERT_FILE names {named}, which is not a file")
    context = ssl.create_default_context()
    if not named and not environment.get("SSL_CERT_DIR") and not context.cert_store_stats()["x509_ca"]:
        _load_bundled(context)
    if tls is None:
        return context
    try:
        if tls.ca:
            context.load_verify_locations(cadata=tls.ca.decode("ascii", "ignore"))
        if tls.certificate:
            _load_client(context, tls)
    except (ssl.SSLError, OSError, ValueError) as err:
        reason = getattr(err, "reason", None) or type(err).__name__
        raise CredentialError(f"the certificates of {tls.source or 'the input'} cannot be used: {reason}") from err
    return context


class Contexts:
    """The TLS clients of a run, one for all hosts with the same certificates.

    Reading the system's authorities takes as long as importing the HTTP library, and needs no Python: so it is done in
    a thread, meanwhile.
    """

    def __init__(self) -> None:
        self._making: dict[Tls | None, _Making] = {}
        self._lock = threading.Lock()

    def begin(self, tls: Tls | None) -> _Making:
        """Begin to make one, unless that was done before."""
        with self._lock:
            if tls not in self._making:
                self._making[tls] = _Making(tls)
                self._making[tls].begin()
            return self._making[tls]

    def find(self, tls: Tls | None) -> ssl.SSLContext:
        """The client for these certificates.

        Raises:
            CredentialError: see `make_context`.
        """
        return self.begin(tls).result()


class _Making(threading.Thread):
    """A client that is being made."""

    def __init__(self, tls: Tls | None) -> None:
        super().__init__(name="certificates", daemon=True)
        self._tls = tls
        self._made: ssl.SSLContext | Exception | None = None

    def begin(self) -> None:
        """Begin; where the system has no thread for it, it is made at once."""
        try:
            self.start()
        except RuntimeError:
            self.run()

    def run(self) -> None:
        try:
            self._made = make_context(self._tls)
        except Exception as err:  # noqa: BLE001 - raised again below, in the thread that needs it
            self._made = err

    def result(self) -> ssl.SSLContext:
        """Wait until it is made."""
        if self.ident is not None:
            self.join()
        assert self._made is not None
        if isinstance(self._made, Exception):
            raise self._made
        return self._made


def certificate_folders(environment: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """The ``certs.d`` folders, a person's own before the machine's."""
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    own = (config / "containers" / "certs.d", config / "docker" / "certs.d")
    return (*own, Path("/etc/containers/certs.d"), Path("/etc/docker/certs.d"))


def find_certificates(registry: str, folders: Sequence[Path]) -> Tls | None:
    """What the ``certs.d`` folders hold for a registry, the first folder that has it; None for nothing.

    Raises:
        CredentialError: a file that cannot be read, or a client certificate without its key.
    """
    try:
        host = parse_host(registry)
    except EgressRefused:
        return None
    for name in dict.fromkeys((registry, str(host), host.name)):
        if parse_host(name).name != host.name:
            continue
        for folder in folders:
            place = folder / name
            try:
                if place.is_dir():
                    return _read_folder(place)
            except OSError as err:
                raise CredentialError(f"{place} cannot be read: {err.strerror}") from err
    return None


def _read_folder(folder: Path) -> Tls | None:
    authorities, certificate, key = [], b"", b""
    for path in sorted(folder.iterdir()):
        if path.suffix == ".crt":
            authorities.append(_read(path))
        elif path.suffix == ".cert" and not certificate:
            partner = path.with_suffix(".key")
            if not partner.is_file():
                raise CredentialError(f"{path} has no {partner.name} beside it")
            certificate, key = _read(path), _read(partner)
    return Tls(b"\n".join(authorities), certificate, key, str(folder)) if authorities or certificate else None


def _read(path: Path) -> bytes:
    try:
        return read_own(path, limit=_LARGEST)
    except InputError as err:
        raise CredentialError(f"{path} {err.what}") from err


def _load_client(context: ssl.SSLContext, tls: Tls) -> None:
    """OpenSSL takes a client certificate from a file only; this one lives as long as the call, readable to us alone."""
    import tempfile

    with tempfile.NamedTemporaryFile(prefix="imagesetter-", suffix=".pem") as file:
        file.write(tls.certificate + b"\n" + tls.key)
        file.flush()
        context.load_cert_chain(file.name, password=lambda: "")


def _load_bundled(context: ssl.SSLContext) -> None:
    """Mozilla's authorities, which come with the HTTP library, for images that have no system store."""
    try:
        import certifi
    except ImportError:
        return
    context.load_verify_locations(certifi.where())
