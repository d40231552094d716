"""Where a request may go and what it may carry: every rule in one place, without any input or output.

Threat: imagesetter runs with registry credentials and a network, and its input (ImageRepositories, functionConfig) may
come from a stranger's pull request. So the rules come from the operator alone (``--allow-registry`` and its kin, or the
environment), never from a ResourceList. They are:

- *Registries.* Without an allow-list every public registry may be asked. With one, only what a pattern names.
- *This machine.* What listens on loopback is the operator's, and often trusts whoever connects. A registry there is
  asked where a pattern names it, where the operator named it on the command line, or with ``--allow-loopback``.
- *Addresses.* Link-local and cloud metadata addresses are never asked, whatever a pattern says. Private addresses only
  for hosts that a pattern names; that includes names of public look that resolve to private ones (the check is made on
  the answer of the resolver, and the connection goes to the address that was checked). Through a proxy of the
  operator's, the proxy resolves, and only names and addresses that are written out are checked.
- *Token servers.* ``https`` only. Credentials go to the registry's own site, to the token server known to belong to it,
  or where ``--allow-auth-host`` says; a request without credentials may go to any public host.
- *Plain HTTP.* Only on loopback, or where ``spec.insecure`` is set and a pattern names the host; and credentials do not
  travel over it, except on loopback or by ``--allow-http-credentials``.
- *Redirects.* Never from https to http, never from elsewhere to loopback; every target passes the rules for addresses.
"""

from typing import Literal, NamedTuple, Self

from imagesetter.errors import EgressRefused
from imagesetter.registry.http.hosts import (
    DEFAULT_PORTS,
    HUB_API,
    Address,
    Host,
    classify,
    origin,
    parse_host,
    same_site,
)
from imagesetter.registry.http.redaction import printable, redacted_origin
from krm_functions.errors import UsageError
from krm_functions.redaction import without_logins

# Token servers on a site of their own. Everybody else's is on the registry's site.
_KNOWN_AUTH_HOSTS = {HUB_API: "auth.docker.io", "registry.gitlab.com": "gitlab.com"}

_METADATA_NAMES = frozenset({"metadata.google.internal", "metadata.goog", "instance-data.ec2.internal", "metadata"})


class RegistryPattern(NamedTuple):
    """One ``--allow-registry``: ``HOST[:PORT][/PATH]``, such as ``ghcr.io/org``, ``*.corp.example:*`` or ``*``.

    - HOST is exact, or ``*.suffix`` for every host below it, or ``*`` for every *public* host.
    - Without PORT the scheme's own port is meant; ``:*`` means any.
    - PATH is the beginning of the repository's, up to a slash: ``ghcr.io/org`` allows ``ghcr.io/org/app``, not
      ``ghcr.io/org-evil/app``.
    """

    host: str
    port: int | Literal["*"] | None = None
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a pattern.

        Raises:
            UsageError: it is none.
        """
        name, _, path = text.strip().partition("/")
        path = path.strip("/")
        name, any_port = (name[:-2], True) if name.endswith(":*") else (name, False)
        wildcard = name.startswith("*.")
        if name == "*" and not path:
            return cls("*", "*")
        try:
            host = parse_host(name.removeprefix("*.") if wildcard else name)
        except EgressRefused as err:
            raise UsageError(
                f"'{printable(without_logins(text, is_host=True))}' is not a registry pattern",
                hint="write HOST, HOST/PATH, HOST:PORT, *.SUFFIX or *, such as ghcr.io/org",
            ) from err
        return cls(f"*.{host.name}" if wildcard else host.name, "*" if any_port else host.port, path)

    def names(self, host: Host) -> bool:
        """Whether the host is one that the pattern means, whatever the path."""
        if self.host == "*":
            return True
        same = host.name.endswith(self.host[1:]) if self.host.startswith("*.") else host.name == self.host
        return same and (self.port == "*" or _same_port(self.port, host.port))

    def allows(self, host: Host, path: str) -> bool:
        """Whether a repository is one that the pattern means."""
        return self.names(host) and (not self.path or path == self.path or path.startswith(f"{self.path}/"))


class AddressRules(NamedTuple):
    """The operator's rules; the default asks public registries and loopback, and trusts nobody with anything else.

    The command line allows loopback only where the operator says so, see
    `imagesetter.registry.settings.settings_from_environment`.
    """

    allow: tuple[RegistryPattern, ...] = ()
    """``--allow-registry``. Empty: no restriction to named registries."""
    auth_hosts: tuple[tuple[str, str], ...] = ()
    """``--allow-auth-host REGISTRY=HOST``: token servers on another site."""
    http_credentials: bool = False
    """``--allow-http-credentials``: passwords may travel in clear."""
    trust_input: bool = False
    """``--trust-input``: a CA or a proxy that the input brings may carry credentials of this machine."""
    loopback: bool = True
    """``--allow-loopback``: hosts whose name says that they are this machine may be asked."""
    server_kind: str = "registry"
    """What the rules are for, in messages: a registry or a Git server."""
    option: str = "--allow-registry"
    """The option that allows more, in messages."""

    @classmethod
    def parse(
        cls, allow: tuple[str, ...] = (), auth_hosts: tuple[str, ...] = (), *, http_credentials: bool = False,
        trust_input: bool = False, loopback: bool = True,
    ) -> Self:  # fmt: skip
        """The rules from what was written on the command line or in the environment.

        Raises:
            UsageError: a pattern or an auth host cannot be read.
        """
        pairs = []
        for text in auth_hosts:
            registry, equals, host = text.partition("=")
            if not equals:
                raise UsageError(
                    f"'{printable(without_logins(text, is_host=True))}' is not REGISTRY=HOST",
                    hint="such as registry.example.com=sso.example.org",
                )
            try:
                pairs.append((parse_host(registry).name, parse_host(host).name))
            except EgressRefused as err:
                message = f"'{printable(text)}' is not REGISTRY=HOST: {err.what}"
                raise UsageError(without_logins(message, is_host=True)) from err
        patterns = tuple(RegistryPattern.parse(text) for text in allow)
        return cls(patterns, tuple(pairs), http_credentials, trust_input, loopback)

    def trusts(self, host: Host) -> bool:
        """Whether the operator named this host, so that private addresses may be meant. ``*`` names nobody."""
        return any(pattern.host != "*" and pattern.names(host) for pattern in self.allow) or any(
            host.name == allowed for _, allowed in self.auth_hosts
        )

    def check_repository(self, registry: str, path: str) -> Host:
        """The host to ask for a repository.

        Raises:
            EgressRefused: the name is no host's, the path no repository's, or no pattern allows it.
        """
        host = parse_host(registry)
        if any(segment in ("", ".", "..") for segment in path.split("/")):
            raise EgressRefused(f"'{printable(path)}' is not a repository that a {self.server_kind} could have")
        if self.allow and not any(pattern.allows(host, path) for pattern in self.allow):
            among = "is not among the allowed registries"
            if self.server_kind != "registry":
                among = "is not among the allowed Git servers"
            raise EgressRefused(
                f"{printable(registry)}/{printable(path)} {among}",
                hint=f"the operator can allow it: {self.option} {printable(registry)}/{printable(path)}",
            )
        self.check_name(host)
        return host

    def check_name(self, host: Host, *, allow_local: bool = False) -> None:
        """Refuse a host for what its name alone says: a metadata service, an address that is not for us.

        *allow_local*: a registry on this machine that may be asked refers to another server there.

        Raises:
            EgressRefused
        """
        if host.name in _METADATA_NAMES:
            raise EgressRefused(f"{host} is a cloud's metadata service, which is never contacted")
        address = host.address
        if address is not None:
            self.check_address(host, address, allow_local=allow_local)
        elif host.is_odd_address:
            raise EgressRefused(
                f"{host} is an IPv4 address in an unusual form, which is never contacted",
                hint="write it as four decimal numbers, such as 192.0.2.1",
            )
        elif host.is_local and not (allow_local or self._may_be_local(host)):
            raise self._not_local(host)

    def check_address(self, host: Host, address: Address, *, allow_local: bool = False) -> None:
        """Refuse an address that *host* resolved to.

        Raises:
            EgressRefused: it is never allowed, or it is private and no pattern names the host.
        """
        kind = classify(address)
        local = kind == "loopback" and host.is_local
        if kind == "public" or (local and (allow_local or self._may_be_local(host))):
            return
        if local:
            raise self._not_local(host)
        if kind == "forbidden":
            raise EgressRefused(
                f"{host} is at {address}, a link-local, metadata or unroutable address, which is never contacted"
            )
        if not self.trusts(host):
            raise EgressRefused(
                f"{host} is at the {kind} address {address}, which is contacted only for hosts that the operator names",
                hint=f"if that is your {self.server_kind}: {self.option} {host}",
            )

    def _may_be_local(self, host: Host) -> bool:
        return self.loopback or self.trusts(host)

    def _not_local(self, host: Host) -> EgressRefused:
        return EgressRefused(
            f"{host} is on this machine, where nothing is contacted unless the operator allows it",
            hint=f"if that is your {self.server_kind}: --allow-loopback, or IMAGESETTER_ALLOW_LOOPBACK=true",
        )

    def may_use_plain_http(self, host: Host, *, insecure: bool) -> bool:
        """Whether plain HTTP may be tried where https is not spoken."""
        return host.is_local or (insecure and self.trusts(host))

    def may_send_credentials(self, url: str) -> bool:
        """Whether credentials may be sent to a URL: over TLS, on this machine, or where the operator allows it."""
        scheme, host = origin(url)
        return scheme == "https" or host.is_local or self.http_credentials

    def check_credentials(self, url: str) -> None:
        """Refuse to send credentials in clear.

        Raises:
            EgressRefused
        """
        if not self.may_send_credentials(url):
            host = origin(url)[1]
            raise EgressRefused(
                f"{host} asks for credentials over plain HTTP, where everybody on the way can read them",
                hint="serve the registry over https, or accept that with --allow-http-credentials",
            )

    def check_realm(self, registry: Host, realm: str, *, credentials: bool) -> None:
        """Whether a token server that a registry names may be asked, with or without the registry's credentials.

        Raises:
            EgressRefused
        """
        scheme, host = origin(realm)
        self.check_name(host, allow_local=registry.is_local)
        if host.is_local and not registry.is_local and not self.trusts(host):
            raise EgressRefused(f"{registry} names a token server on this machine ({redacted_origin(realm)})")
        if scheme != "https" and not (host.is_local or (host.name == registry.name and self.trusts(host))):
            raise EgressRefused(
                f"{registry} names a token server without https ({redacted_origin(realm)})",
                hint="the registry's administrator has to configure an https realm",
            )
        if not credentials:
            return
        self.check_credentials(realm)
        known = _KNOWN_AUTH_HOSTS.get(registry.name) == host.name or (registry.name, host.name) in self.auth_hosts
        if not known and not same_site(registry, host):
            raise EgressRefused(
                f"{registry} sends the credentials for it to {host.name}, another site",
                hint=f"if that is its token server: --allow-auth-host {registry.name}={host.name}",
            )

    def check_redirect(self, source: str, target: str) -> None:
        """Whether a GET or HEAD may follow a redirect; nothing is said about credentials, which never follow.

        Raises:
            EgressRefused
        """
        old_scheme, old = origin(source)
        scheme, host = origin(target)
        if scheme != "https" and old_scheme == "https":
            raise EgressRefused(f"{old} redirects from https to {redacted_origin(target)}")
        if host.is_local and not old.is_local and not self.trusts(host):
            raise EgressRefused(f"{old} redirects to this machine ({redacted_origin(target)})")
        self.check_name(host, allow_local=old.is_local)


def _same_port(one: int | None, other: int | None) -> bool:
    standard = (None, *DEFAULT_PORTS.values())
    return one == other or (one in standard and other in standard)
