"""Kubernetes Secrets as credentials, authorities and proxies, the way Flux's ImageRepository uses them.

Secrets come as parsed resources (``type``, ``data``, ``stringData``); nothing is fetched. Mirrors
image-reflector-controller ``internal/registry/options.go``, ``fluxcd/pkg/runtime/secrets`` and go-containerregistry
``pkg/authn/kubernetes``. Departures:

- A key with a path ends at a ``/``: ``reg/team`` is not for ``reg/team-evil``, which upstream's plain prefix allows.
- An encrypted Secret, and a pull secret of another type, is not an error but a note: the configuration of this machine
  is used then.
"""

import base64
import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from imagesetter.errors import CredentialError
from imagesetter.registry.auth.credentials import Credential, Lookup, load_document, read_entry, section
from imagesetter.registry.http.proxies import Proxy, parse_proxy
from imagesetter.registry.http.redaction import printable
from imagesetter.registry.http.tls import Tls

Resource = Mapping[str, object]

_KEYS = {"kubernetes.io/dockerconfigjson": ".dockerconfigjson", "kubernetes.io/dockercfg": ".dockercfg"}
_LONGEST_ADDRESS = 2048


@dataclass(frozen=True, slots=True)
class SecretKeychain:
    """Credentials by key: ``HOST[:PORT][/PATH]``, where ``*`` may be within one label of the host."""

    entries: tuple[tuple[str, Credential], ...]
    """In the order in which they are tried: keys from z to a, as upstream does; of equal ones the first Secret's."""
    notes: tuple[str, ...] = field(default=(), compare=False)
    """Secrets that gave nothing, and why; said when they might have helped."""

    def find(self, registry: str, path: str) -> Lookup:
        """See `imagesetter.registry.auth.credentials.Keychain.find`."""
        for key, credential in self.entries:
            if key_matches(key, registry, path):
                return Lookup(credential, f"{printable(registry)}: credentials from {credential.source}")
        return Lookup(None, "; ".join(self.notes))


class PullSecrets(NamedTuple):
    """What the Secrets of one ImageRepository gave."""

    keychain: SecretKeychain
    notes: tuple[str, ...] = ()
    """The keychain's notes, for whoever does not ask it."""


def read_pull_secrets(secrets: Iterable[Resource]) -> PullSecrets:
    """The credentials in pull secrets: ``secretRef`` first, then the ServiceAccount's ``imagePullSecrets``.

    Raises:
        CredentialError: a Secret of the right type that cannot be read.
    """
    notes: list[str] = []
    entries: list[tuple[str, Credential]] = []
    for secret in secrets:
        where = describe(secret)
        if is_encrypted(secret):
            notes.append(encrypted_note(secret))
            continue
        member = _KEYS.get(str(secret.get("type", "")))
        data = _member(secret, member, where) if member else None
        if data is None:
            notes.append(f"{where} is no pull secret (type {printable(str(secret.get('type', 'Opaque')))}); ignored")
            continue
        document = load_document(data, where=where)
        auths = document if member == ".dockercfg" else section(document, "auths", where=where)
        for key, entry in auths.items():
            credential = read_entry(entry, where=f"{where} ({printable(key)})")
            if credential is not None:
                entries.append((_normal_key(key), credential))
    entries.sort(key=lambda entry: entry[0], reverse=True)
    return PullSecrets(SecretKeychain(tuple(entries), tuple(notes)), tuple(notes))


def read_cert_secret(secret: Resource) -> Tls | None:
    """Authority and client certificate of a ``certSecretRef``: ``ca.crt``, ``tls.crt`` and ``tls.key``.

    ``caFile``, ``certFile`` and ``keyFile`` are read where the new names are missing. None for an encrypted Secret:
    ``certs.d`` may know the registry; the caller passes on `encrypted_note`.

    Raises:
        CredentialError: it has none of them, or only half of a pair.
    """
    if is_encrypted(secret):
        return None
    where = describe(secret)
    ca, certificate, key = (
        _member(secret, new, where) or _member(secret, old, where) or b""
        for new, old in (("ca.crt", "caFile"), ("tls.crt", "certFile"), ("tls.key", "keyFile"))
    )
    if bool(certificate) != bool(key):
        raise CredentialError(f"{where} needs both tls.crt and tls.key")
    if not ca and not certificate:
        raise CredentialError(f"{where} has neither ca.crt nor tls.crt and tls.key")
    return Tls(ca, certificate, key, where)


def read_proxy_secret(secret: Resource) -> Proxy | None:
    """The proxy of a ``proxySecretRef``: ``address``, and ``username`` and ``password`` where it asks for them.

    None for an encrypted Secret: the operator's proxies are used then; the caller passes on `encrypted_note`.

    Raises:
        CredentialError: there is no address, or it is no http, https or socks5 URL.
    """
    if is_encrypted(secret):
        return None
    where = describe(secret)
    address, username, password = (
        (_member(secret, name, where) or b"").decode("utf-8", "replace") for name in ("address", "username", "password")
    )
    if not address:
        raise CredentialError(f"{where} has no address")
    if len(address) > _LONGEST_ADDRESS or "://" not in address:
        raise CredentialError(f"{where}: address is not a proxy's URL", hint="such as http://proxy.example.com:3128")
    return parse_proxy(address, where=f"{where}: address", username=username, password=password, from_input=True)


def secret_entries(secret: Resource) -> dict[str, bytes]:
    """All values of a Secret: ``stringData`` wins over ``data``, which is base64.

    Raises:
        CredentialError: a value that is not base64.
    """
    names = [name for part in ("data", "stringData") if isinstance(held := secret.get(part), Mapping) for name in held]
    where = describe(secret)
    return {str(name): _member(secret, name, where) or b"" for name in dict.fromkeys(names)}


def is_encrypted(resource: Resource) -> bool:
    """Whether a Secret is only there in encrypted form: SOPS, or a SealedSecret."""
    if "sops" in resource or resource.get("kind") == "SealedSecret":
        return True
    return any(
        isinstance(value, str) and value.startswith("ENC[")
        for name in ("data", "stringData")
        if isinstance(members := resource.get(name), Mapping)
        for value in members.values()
    )


def encrypted_note(secret: Resource) -> str:
    """What ``-v`` says of an encrypted Secret."""
    return f"{describe(secret)} is encrypted; the configuration of this machine is used instead"


def key_matches(key: str, registry: str, path: str) -> bool:
    """Whether a key of a pull secret is for a repository: labels one by one, ports equal, path at a ``/`` boundary."""
    name, _, place = key.partition("/")
    host, port = _split_port(name)
    target, target_port = _split_port(registry)
    labels, wanted = host.split("."), target.split(".")
    if port != target_port or len(labels) != len(wanted):
        return False
    pairs = zip(labels, wanted, strict=True)
    if not all(pattern == label or fnmatch.fnmatchcase(label, pattern) for pattern, label in pairs):
        return False
    place = place.strip("/")
    return not place or path == place or path.startswith(f"{place}/")


def describe(resource: Resource) -> str:
    """A Secret in a message: ``Secret flux-system/regcred``."""
    metadata = resource.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    name = "/".join(str(metadata[part]) for part in ("namespace", "name") if metadata.get(part))
    return printable(f"{resource.get('kind', 'Secret')} {name or '(without a name)'}")


def _normal_key(key: str) -> str:
    """Without scheme, and without the ``/v1/`` or ``/v2/`` that Docker writes."""
    name, slash, place = key.removeprefix("https://").removeprefix("http://").partition("/")
    for version in ("v1", "v2"):
        if place == version or place.startswith(f"{version}/"):
            place = place[len(version) + 1 :]
            break
    return f"{name}/{place}" if slash and place else name


def _split_port(name: str) -> tuple[str, str]:
    host, colon, port = name.rpartition(":")
    return (host, port) if colon and "]" not in port else (name, "")


def _member(secret: Resource, name: str, where: str) -> bytes | None:
    """One value of a Secret: ``stringData`` wins over ``data``, which is base64."""
    text = secret.get("stringData")
    if isinstance(text, Mapping) and isinstance(text.get(name), str):
        return str(text[name]).encode("utf-8", "replace")
    data = secret.get("data")
    value = data.get(name) if isinstance(data, Mapping) else None
    if value is None:
        return None
    try:
        return base64.b64decode("".join(str(value).split()), validate=True)
    except ValueError:  # no base64, or characters beyond ASCII
        raise CredentialError(f"{where}: data[{name}] is not base64") from None
