"""Which credentials are for a repository: the cloud's, the input's Secrets, the logins of this machine."""

from collections.abc import Callable
from typing import NamedTuple

from imagesetter.registry.auth.cloud.identity import GENERIC, Exchange, check_provider, is_installed
from imagesetter.registry.auth.credentials import Credential, Keychains
from imagesetter.registry.auth.docker_config import LocalKeychain
from imagesetter.registry.http.hosts import parse_host
from imagesetter.registry.reference import Repository
from imagesetter.registry.scan import ScanOptions
from imagesetter.registry.settings import ClientSettings


class Logins(NamedTuple):
    """Finds the credentials of repositories, and says where they come from."""

    settings: ClientSettings
    note: Callable[[str], None]
    """Called with what ``-v`` shows."""

    def find(self, repository: Repository, options: ScanOptions, exchange: Exchange) -> Credential | None:
        """The credential of the cloud that the input names, or else the first of its Secrets and this machine's logins.

        An authority and a proxy of the input's choosing could together pose as any registry. So neither the cloud's
        identity nor the logins of this machine go over such a network, unless the operator trusts the input; Secrets of
        the input may.

        Raises:
            CredentialError: there may be one, and it cannot be read; or a cloud is named and there is none.
        """
        host = parse_host(repository.registry)
        strange = options.tls is not None or options.proxy is not None
        trusted = not strange or self.settings.address_rules.trust_input
        if options.provider != GENERIC and trusted:
            credential = self.settings.cloud.find(options.provider, host, exchange)
            if credential is not None:
                self.note(f"{host}: credentials from {credential.source}")
                return credential
        chain = [options.keychain, self.settings.keychain if trusted else None]
        if not trusted and self.settings.keychain is not None:
            self.note(
                f"{repository}: the logins of this machine are not used, since the input brings its own certificates or"
                " proxy (--trust-input)"
            )
        lookup = Keychains([keychain for keychain in chain if keychain is not None]).find(
            repository.registry, repository.path
        )
        if lookup.note:
            self.note(lookup.note)
        if lookup.credential is None and options.provider != GENERIC and trusted:
            raise self.settings.cloud.missing(options.provider, host)
        return lookup.credential

    @property
    def are_at_hand(self) -> bool:
        """Whether `find` reads files only: no helper program, which may take long, is asked.

        Raises:
            CredentialError: one of the files cannot be read.
        """
        keychain = self.settings.keychain
        return keychain is None or (isinstance(keychain, LocalKeychain) and not keychain.has_helpers)

    def check(self, repository: Repository, options: ScanOptions) -> None:
        """Refuse a cloud that does not fit the registry.

        Raises:
            CredentialError
        """
        check_provider(options.provider, parse_host(repository.registry))

    def cloud_key(self, options: ScanOptions) -> str:
        """What stands for the cloud's identity in the cache, without asking for it; "" where there is none to use."""
        if options.provider == GENERIC or not is_installed(options.provider):
            return ""
        return f"{options.provider}: {self.settings.cloud.describe(options.provider)}"
