"""Credentials: what one is, where they are looked for, and how an entry of a Docker configuration is read.

No ``repr``, error or note holds a secret; a note says where a credential came from.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol
from urllib.parse import quote_plus

from imagesetter.errors import CredentialError
from imagesetter.registry.http.redaction import printable

_HEADER_TEXT = re.compile(r"[!-~]+")

# The user name by which Docker says that the password is an identity token.
TOKEN_USER = "<token>"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Credential:
    """One way to log in: a password, an identity token (OAuth2 refresh token), or a ready token."""

    username: str
    secret: str = field(repr=False)
    kind: Literal["password", "identity", "token"] = "password"
    source: str = field(default="", compare=False)
    """The file, helper, Secret or cloud that it came from; for messages."""
    from_cloud: bool = field(default=False, compare=False)

    @property
    def basic(self) -> str:
        """The value of an ``Authorization`` header for the Basic scheme."""
        name = self.username or TOKEN_USER
        return "Basic " + base64.b64encode(f"{name}:{self.secret}".encode()).decode("ascii")

    @property
    def forms(self) -> tuple[str, ...]:
        """The secret as a careless server may repeat it: to be taken out of its words."""
        return (self.secret, self.basic.partition(" ")[2], quote_plus(self.secret))


class Lookup(NamedTuple):
    """The answer of a keychain: a credential or none, and what ``-v`` says about it."""

    credential: Credential | None = None
    note: str = ""


class Keychain(Protocol):
    """Where credentials are looked for."""

    def find(self, registry: str, path: str) -> Lookup:
        """The credential for a repository, such as ``ghcr.io`` and ``org/app``.

        Raises:
            CredentialError: there may be one, and it cannot be read.
        """
        ...


class Keychains(NamedTuple):
    """Several places, asked in order; the first that has a credential wins."""

    chain: Sequence[Keychain]

    def find(self, registry: str, path: str) -> Lookup:
        """See `Keychain.find`."""
        notes = []
        for keychain in self.chain:
            lookup = keychain.find(registry, path)
            if lookup.note:
                notes.append(lookup.note)
            if lookup.credential is not None:
                return Lookup(lookup.credential, "; ".join(notes))
        return Lookup(None, "; ".join(notes))


def read_entry(entry: object, *, where: str) -> Credential | None:
    """An entry of ``auths``: ``auth``, or ``username`` and ``password``, or a token; None where it is only a marker.

    Raises:
        CredentialError: it cannot be read; *where* is named, the content is not.
    """
    if entry is None:
        return None
    if not isinstance(entry, Mapping):
        raise CredentialError(f"{where} is not an object")
    texts = {name: value for name, value in entry.items() if isinstance(value, str)}
    if texts.get("registrytoken"):
        return _checked(Credential("", texts["registrytoken"], "token", where))
    username, password = texts.get("username", ""), texts.get("password", "")
    if texts.get("auth"):
        username, password = _decode_auth(texts["auth"], where)
    if texts.get("identitytoken"):
        name = "" if username == TOKEN_USER else username
        return _checked(Credential(name, texts["identitytoken"], "identity", where))
    return login(username, password, where)


def login(username: str, password: str, source: str) -> Credential | None:
    """A credential from a user name and a password, the way Docker overloads them; None for two empty ones."""
    if username == TOKEN_USER:
        return _checked(Credential("", password, "identity", source))
    return _checked(Credential(username, password, "password", source)) if username or password else None


def load_document(data: bytes | str, *, where: str) -> dict[str, object]:
    """The JSON object in a credential file or Secret.

    Raises:
        CredentialError: it is none; *where* is named, the content is not.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise CredentialError(f"{where} is not JSON") from None  # the cause would quote the content
    if not isinstance(document, dict):
        raise CredentialError(f"{where} is not a JSON object")
    return document


def section(document: Mapping[str, object], name: str, *, where: str) -> Mapping[str, object]:
    """A member of a credential file that has to be an object; empty when it is missing.

    Raises:
        CredentialError: it is something else.
    """
    value = document.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise CredentialError(f"{where}: {name} is not an object")
    return value


def _decode_auth(text: str, where: str) -> tuple[str, str]:
    """``base64(user:password)``; the password may hold colons, Docker pads with NUL, and ``base64`` breaks lines."""
    text = "".join(text.split())
    padded = text + "=" * (-len(text) % 4)
    try:
        decoded = base64.b64decode(padded, validate=True).decode("utf-8")
    except ValueError:  # no base64, no UTF-8, or characters beyond ASCII
        raise CredentialError(f"{where}: auth is not base64 of user:password") from None
    username, colon, password = decoded.partition(":")
    if not colon:
        raise CredentialError(f"{where}: auth is not base64 of user:password")
    return username, password.strip("\0")


def _checked(credential: Credential) -> Credential:
    """Refuse what cannot be a password and would do harm in a header or a form.

    Raises:
        CredentialError
    """
    if credential.secret.startswith("ENC["):
        raise CredentialError(f"{credential.source} is encrypted (SOPS)", hint="decrypt it first")
    if any(character in credential.username + credential.secret for character in "\r\n\0"):
        raise CredentialError(f"{printable(credential.source)} holds a line break")
    if any("\ud800" <= character <= "\udfff" for character in credential.username + credential.secret):
        raise CredentialError(
            f"{printable(credential.source)} holds half a character, which JSON can write and nobody send"
        )
    if credential.kind == "token" and not _HEADER_TEXT.fullmatch(credential.secret):
        raise CredentialError(f"{printable(credential.source)} holds a token with characters that none has")
    return credential
