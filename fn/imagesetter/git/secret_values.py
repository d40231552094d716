"""The values of a Secret from the files."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from imagesetter.errors import CredentialError


class SecretValues:
    """The values of a Secret, decoded, and never shown.

    Args:
        data: the Secret.
        where: names it in errors, and what it is for.
    """

    def __init__(self, data: Mapping[str, Any], where: str) -> None:
        self._data, self.where = data, where

    def value(self, name: str) -> bytes | None:
        """The value of a key; None if there is no such key.

        Raises:
            CredentialError: it is not valid base64.
        """
        plain, encoded = self._data.get("stringData"), self._data.get("data")
        if isinstance(plain, Mapping) and name in plain:
            return str(plain[name]).encode()
        if isinstance(encoded, Mapping) and name in encoded:
            try:
                return base64.b64decode("".join(str(encoded[name]).split()), validate=True)
            except ValueError as error:
                raise CredentialError(
                    f"{name} is not valid base64", where=self.where, hint="decrypt the Secret if it is encrypted"
                ) from error
        return None

    def required(self, name: str) -> bytes:
        """The value of a key.

        Raises:
            CredentialError: there is no such key, or it is not valid base64.
        """
        found = self.value(name)
        if found is None:
            raise CredentialError(f"has no key {name}", where=self.where, hint=f"add {name} to the Secret")
        return found
