"""Keychains for tests, and the secrets that no output may hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from imagesetter.registry.auth.credentials import Credential, Lookup

PASSWORD = "plAnted-pAssword-1"
IDENTITY_TOKEN = "plAnted-identity-2"
REGISTRY_TOKEN = "plAnted-registry-3"
ACCESS_TOKEN = "plAnted-access-4"
SECRETS = (PASSWORD, IDENTITY_TOKEN, REGISTRY_TOKEN, ACCESS_TOKEN)


@dataclass(frozen=True)
class Always:
    """A keychain with one login for every registry, or for one."""

    username: str = "alice"
    secret: str = PASSWORD
    kind: Literal["password", "identity", "token"] = "password"
    only: str = ""
    asked: list[str] = field(default_factory=list, compare=False)

    def find(self, registry: str, path: str) -> Lookup:
        self.asked.append(f"{registry}/{path}")
        if self.only and registry != self.only:
            return Lookup()
        return Lookup(
            Credential(self.username, self.secret, self.kind, "the test"), f"{registry}: credentials from the test"
        )
