"""The rules of where a request may go: tables for what was thought of, properties for what was not."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagesetter.errors import EgressRefused
from imagesetter.registry.http.address_rules import AddressRules, RegistryPattern
from imagesetter.registry.http.hosts import HUB_API, Host, classify, origin, parse_host, parse_url, same_site
from krm_functions.errors import UsageError

NOBODY = AddressRules()
STRICT = AddressRules.parse(loopback=False)
"""As the command line has it where the operator says nothing."""
CORP = AddressRules.parse(("*.corp.example:*", "ghcr.io/org"))


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("8.8.8.8", "public"),
        ("2606:4700::1111", "public"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("::1", "loopback"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "private"),
        ("198.18.0.1", "private"),
        ("fd12::1", "private"),
        ("fec0::1", "private"),
        ("4000::1", "private"),
        ("169.254.169.254", "forbidden"),
        ("169.254.0.1", "forbidden"),
        ("fe80::1", "forbidden"),
        ("100.100.100.200", "forbidden"),
        ("168.63.129.16", "forbidden"),
        ("192.0.0.192", "forbidden"),
        ("fd00:ec2::254", "forbidden"),
        ("fd20:ce::254", "forbidden"),
        ("0.0.0.0", "forbidden"),
        ("0.1.2.3", "forbidden"),
        ("::", "forbidden"),
        ("224.0.0.1", "forbidden"),
        ("240.0.0.1", "forbidden"),
        ("255.255.255.255", "forbidden"),
        ("ff02::1", "forbidden"),
        ("::ffff:169.254.169.254", "forbidden"),
        ("::ffff:10.0.0.1", "private"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::127.0.0.1", "loopback"),
        ("64:ff9b::a9fe:a9fe", "forbidden"),
        ("2002:a9fe:a9fe::1", "forbidden"),
        ("2002:0a00:0001::1", "private"),
        ("2001:0:4136:e378:8000:63bf:5601:5601", "forbidden"),  # Teredo to 169.254.169.254
        ("2001:0:4136:e378:8000:63bf:f5ff:fffe", "private"),  # Teredo to 10.0.0.1
        ("2002:7f00:1::1", "loopback"),
        ("::10.0.0.1", "private"),
        ("::169.254.169.254", "forbidden"),
        ("::ffff:0:10.0.0.1", "private"),
        ("::ffff:0:169.254.169.254", "forbidden"),
        ("64:ff9b::10.0.0.1", "private"),
        ("64:ff9b::127.0.0.1", "loopback"),
        ("64:ff9b::8.8.8.8", "public"),
        ("64:ff9b:1::10.0.0.1", "private"),
        ("64:ff9b:1::8.8.8.8", "private"),
        ("64:ff9b:1::169.254.169.254", "forbidden"),
        ("64:ff9b:1:a9fe:a9:fe00::", "forbidden"),  # after a prefix of 48 bits
        ("64:ff9b:1:a9:fe:a9fe::", "forbidden"),  # of 56
        ("64:ff9b:1:0:a9:fea9:fe00:0", "forbidden"),  # of 64
        ("64:ff9b:2::10.0.0.1", "private"),
    ],
)
def test_address_is_told_apart_by_whom_it_reaches(address: str, kind: str) -> None:
    assert classify(ipaddress.ip_address(address)) == kind


@given(st.ip_addresses(v=4))
@example(ipaddress.ip_address("169.254.169.254"))
def test_ipv4_address_hidden_in_ipv6_is_the_same_kind(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    for hidden in (
        ipaddress.IPv6Address((0xFFFF << 32) | number),
        ipaddress.IPv6Address((0x2002 << 112) | (number << 80)),
        ipaddress.IPv6Address((0x0064FF9B << 96) | number),
    ):
        assert classify(hidden) == classify(address)


FORBIDDEN_NETWORKS = ["169.254.0.0/16", "0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "fe80::/10", "ff00::/8"]


@given(
    st.one_of([st.ip_addresses(network=network) for network in FORBIDDEN_NETWORKS]),
    st.sampled_from(["example.com", "localhost", "ghcr.io", "a.corp.example"]),
)
def test_forbidden_address_is_refused_whoever_allows_the_host(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, name: str
) -> None:
    for egress in (NOBODY, CORP, AddressRules.parse(("*", name))):
        with pytest.raises(EgressRefused):
            egress.check_address(Host(name), address)


@pytest.mark.parametrize(
    ("egress", "name", "address"),
    [
        pytest.param(NOBODY, "ghcr.io", "140.82.112.33", id="public"),
        pytest.param(NOBODY, "localhost", "127.0.0.1", id="localhost"),
        pytest.param(NOBODY, "registry.localhost", "::1", id="below-localhost"),
        pytest.param(NOBODY, "127.0.0.1", "127.0.0.1", id="loopback-literal"),
        pytest.param(CORP, "a.corp.example", "10.1.2.3", id="private-and-named"),
        pytest.param(CORP, "a.corp.example", "127.0.0.1", id="named-host-on-loopback"),
    ],
)
def test_address_is_allowed(egress: AddressRules, name: str, address: str) -> None:
    egress.check_address(Host(name), ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("egress", "name", "address"),
    [
        pytest.param(NOBODY, "evil.example", "10.0.0.1", id="public-name-at-a-private-address"),
        pytest.param(NOBODY, "evil.example", "127.0.0.1", id="public-name-at-loopback"),
        pytest.param(NOBODY, "10.0.0.1", "10.0.0.1", id="private-literal"),
        pytest.param(NOBODY, "localhost", "10.0.0.1", id="localhost-that-is-not-here"),
        pytest.param(AddressRules.parse(("*",)), "evil.example", "10.0.0.1", id="star-names-nobody"),
        pytest.param(CORP, "evil.example", "10.0.0.1", id="another-host-is-named"),
    ],
)
def test_address_is_refused_and_the_hint_says_how_to_allow_it(egress: AddressRules, name: str, address: str) -> None:
    with pytest.raises(EgressRefused) as caught:
        egress.check_address(Host(name), ipaddress.ip_address(address))
    assert caught.value.hint == f"if that is your registry: --allow-registry {name}"


LOCAL = ["localhost", "LOCALHOST.", "a.localhost:5000", "127.0.0.1:5000", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]"]


@pytest.mark.parametrize("written", LOCAL)
def test_this_machine_is_asked_only_where_the_operator_allows_it(written: str) -> None:
    host = parse_host(written)
    loopback = host.address or ipaddress.ip_address("127.0.0.1")
    for check in (lambda: STRICT.check_repository(written, "app"), lambda: STRICT.check_address(host, loopback)):
        with pytest.raises(EgressRefused, match="is on this machine") as caught:
            check()
        assert "--allow-loopback" in caught.value.hint
    for egress in (AddressRules.parse(loopback=True), AddressRules.parse((str(host),), loopback=False)):
        egress.check_repository(written, "app")
        egress.check_address(host, loopback)


def test_a_star_does_not_name_this_machine() -> None:
    with pytest.raises(EgressRefused, match="is on this machine"):
        AddressRules.parse(("*",), loopback=False).check_repository("localhost:5000", "app")


@pytest.mark.parametrize(
    "spelling",
    ["2130706433:443", "0x7f000001", "0X7F000001", "0177.0.0.1", "127.1", "127.0.1", "0x7f.1", "127.0.0.0x1",
     "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "10.1", "0x", "1.2.3.4.5", "127.1."],
)  # fmt: skip
def test_an_address_in_an_unusual_form_is_never_asked_not_even_through_a_proxy(spelling: str) -> None:
    for egress in (NOBODY, STRICT, AddressRules.parse(("*",))):
        with pytest.raises(EgressRefused, match="is an IPv4 address in an unusual form"):
            egress.check_repository(spelling, "app")


@pytest.mark.parametrize("spelling", ["2130706433:443", "0x7f000001:443", "0177.0.0.1", "127.1"])
def test_loopback_in_disguise_is_not_taken_for_this_machine(spelling: str) -> None:
    host = parse_host(spelling)
    assert not host.is_local
    with pytest.raises(EgressRefused):
        NOBODY.check_address(host, ipaddress.ip_address("127.0.0.1"))


@pytest.mark.parametrize(
    ("pattern", "registry", "path"),
    [
        ("ghcr.io", "ghcr.io", "org/app"),
        ("ghcr.io", "ghcr.io:443", "org/app"),
        ("ghcr.io", "GHCR.IO.", "org/app"),
        ("ghcr.io/org", "ghcr.io", "org/app"),
        ("ghcr.io/org", "ghcr.io", "org"),
        ("ghcr.io/org/", "ghcr.io", "org/team/app"),
        ("docker.io", "index.docker.io", "library/nginx"),
        ("docker.io/library", "registry-1.docker.io", "library/nginx"),
        ("*.example.com", "a.example.com", "app"),
        ("*.example.com", "a.b.example.com", "app"),
        ("reg.example:*", "reg.example:5000", "app"),
        ("reg.example:5000", "reg.example:5000", "app"),
        ("[::1]:5000", "[::1]:5000", "app"),
        ("*", "anything.example:8443", "app"),
    ],
)
def test_pattern_allows(pattern: str, registry: str, path: str) -> None:
    AddressRules.parse((pattern,)).check_repository(registry, path)


@pytest.mark.parametrize(
    ("pattern", "registry", "path"),
    [
        ("ghcr.io/org", "ghcr.io", "org-evil/app"),
        ("ghcr.io/org", "ghcr.io", "other/app"),
        ("ghcr.io", "ghcr.io.evil.example", "org/app"),
        ("ghcr.io", "evilghcr.io", "org/app"),
        ("ghcr.io", "ghcr.io:8443", "org/app"),
        ("*.example.com", "example.com", "app"),
        ("*.example.com", "evilexample.com", "app"),
        ("reg.example:5000", "reg.example", "app"),
        ("docker.io/library", "index.docker.io", "evil/nginx"),
    ],
)
def test_pattern_does_not_allow(pattern: str, registry: str, path: str) -> None:
    with pytest.raises(EgressRefused, match="is not among the allowed registries"):
        AddressRules.parse((pattern,)).check_repository(registry, path)


@pytest.mark.parametrize("text", ["", "https://ghcr.io", "a b", "*.", "gh*.io", "ghcr.io:99999", "*:5000", "u@ghcr.io"])
def test_what_is_no_pattern_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="is not a registry pattern"):
        RegistryPattern.parse(text)


@pytest.mark.parametrize("text", ["ghcr.io", "=a.example", "a b=c", "a="])
def test_what_is_no_auth_host_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="is not REGISTRY=HOST"):
        AddressRules.parse((), (text,))


@pytest.mark.parametrize("path", ["", "a//b", "../v2/_catalog", "a/./b", "a/..", "/a", "a/"])
def test_path_that_would_lead_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(EgressRefused, match="is not a repository that a registry could have"):
        NOBODY.check_repository("ghcr.io", path)


@pytest.mark.parametrize(
    "registry",
    ["", ".", "a..b", "-a.example", "a.example:0", "a.example:65536", "a.example:", "é.example", "a_b<>.c", "[::1",
     "[1]", "[fe80::1%25eth0]", "a" * 64 + ".example", "a.example:5x", "https:", "u@a.example",
     "a.example\\@b.example"],
)  # fmt: skip
def test_what_cannot_be_a_host_is_never_asked(registry: str) -> None:
    with pytest.raises(EgressRefused, match="is not the name of a host"):
        NOBODY.check_repository(registry, "app")


@pytest.mark.parametrize("registry", ["metadata.google.internal", "METADATA.google.internal.:80", "169.254.169.254"])
def test_metadata_service_is_never_asked(registry: str) -> None:
    with pytest.raises(EgressRefused, match="metadata"):
        AddressRules.parse((registry, "*")).check_repository(registry, "computeMetadata/v1")


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        pytest.param("ghcr.io", "https://ghcr.io/token", id="same-host"),
        pytest.param(HUB_API, "https://auth.docker.io/token", id="docker-hub"),
        pytest.param("registry.gitlab.com", "https://gitlab.com/jwt/auth", id="gitlab"),
        pytest.param("registry.example.com:5000", "https://sso.example.com/token", id="same-site"),
        pytest.param("registry.example.co.uk", "https://sso.example.co.uk/token", id="same-site-under-co.uk"),
        pytest.param("127.0.0.1:5000", "http://localhost:5001/token", id="both-on-this-machine"),
        pytest.param("eu.azurecr.io", "https://eu.azurecr.io/oauth2/token", id="one-tenant-of-a-shared-site"),
    ],
)
def test_credentials_may_go_to_the_registrys_own_token_server(registry: str, realm: str) -> None:
    NOBODY.check_realm(parse_host(registry), realm, credentials=True)


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        pytest.param("ghcr.io", "https://evil.example/token", id="another-site"),
        pytest.param("ghcr.io", "https://ghcr.io.evil.example/token", id="name-that-begins-alike"),
        pytest.param("ghcr.io", "https://evilghcr.io/token", id="name-that-ends-alike"),
        pytest.param("a.azurecr.io", "https://b.azurecr.io/token", id="another-tenant-of-a-shared-site"),
        pytest.param("a.example.co.uk", "https://b.other.co.uk/token", id="another-site-under-co.uk"),
        pytest.param("8.8.8.8", "https://8.8.8.9/token", id="neighbour-address"),
        pytest.param("registry", "https://sso/token", id="names-without-a-dot"),
        pytest.param("ghcr.io", "http://ghcr.io/token", id="without-https"),
        pytest.param("ghcr.io", "https://127.0.0.1/token", id="loopback"),
        pytest.param("ghcr.io", "https://localhost:5000/token", id="localhost"),
        pytest.param("ghcr.io", "https://169.254.169.254/token", id="metadata"),
        pytest.param("ghcr.io", "https://10.0.0.1/token", id="private"),
        pytest.param("ghcr.io", "https://ghcr.io@evil.example/token", id="user-in-the-url"),
        pytest.param("ghcr.io", "https://evil.example\\@ghcr.io/token", id="backslash"),
        pytest.param("ghcr.io", "https://ghcr.io#@evil.example/", id="fragment"),
        pytest.param("ghcr.io", "file:///etc/passwd", id="file"),
        pytest.param("ghcr.io", "https://gh\tcr.io/token", id="tab-that-a-url-parser-drops"),
    ],
)
def test_credentials_do_not_go_there(registry: str, realm: str) -> None:
    with pytest.raises(EgressRefused):
        NOBODY.check_realm(parse_host(registry), realm, credentials=True)


def test_anonymous_token_request_may_go_to_any_public_https_host() -> None:
    NOBODY.check_realm(Host("lscr.io"), "https://ghcr.io/token", credentials=False)


@pytest.mark.parametrize("realm", ["http://a.example/token", "https://localhost/token", "https://10.0.0.1/token"])
def test_anonymous_token_request_goes_nowhere_else(realm: str) -> None:
    with pytest.raises(EgressRefused):
        NOBODY.check_realm(Host("ghcr.io"), realm, credentials=False)


def test_operator_can_name_a_token_server_on_another_site() -> None:
    egress = AddressRules.parse((), ("registry.example.com=sso.example.org",))
    egress.check_realm(Host("registry.example.com"), "https://sso.example.org/token", credentials=True)
    with pytest.raises(EgressRefused) as caught:
        egress.check_realm(Host("other.example.net"), "https://sso.example.org/token", credentials=True)
    assert caught.value.hint.endswith("--allow-auth-host other.example.net=sso.example.org")


@pytest.mark.parametrize(
    ("egress", "host", "insecure", "allowed"),
    [
        pytest.param(NOBODY, "localhost:5000", False, True, id="loopback-needs-no-leave"),
        pytest.param(NOBODY, "reg.example", True, False, id="the-input-alone-cannot-allow-it"),
        pytest.param(CORP, "reg.corp.example:5000", False, False, id="the-operator-alone-does-not-mean-it"),
        pytest.param(CORP, "reg.corp.example:5000", True, True, id="both"),
        pytest.param(AddressRules.parse(("*",)), "reg.example", True, False, id="star-names-nobody"),
    ],
)
def test_plain_http_is_spoken_only_where_both_sides_want_it(
    egress: AddressRules, host: str, insecure: bool, allowed: bool
) -> None:
    assert egress.may_use_plain_http(parse_host(host), insecure=insecure) is allowed


def test_credentials_stay_off_plain_http() -> None:
    with pytest.raises(EgressRefused) as caught:
        CORP.check_credentials("http://reg.corp.example:5000/v2/app/tags/list")
    assert "--allow-http-credentials" in caught.value.hint
    AddressRules.parse((), (), http_credentials=True).check_credentials("http://reg.corp.example:5000/v2/")
    NOBODY.check_credentials("http://127.0.0.1:5000/v2/")
    NOBODY.check_credentials("https://reg.example/v2/")


@pytest.mark.parametrize(
    ("source", "target"),
    [
        pytest.param("https://reg.example/v2/", "http://reg.example/v2/", id="to-plain-http"),
        pytest.param("https://reg.example/v2/", "https://localhost/", id="to-this-machine"),
        pytest.param("https://reg.example/v2/", "https://169.254.169.254/", id="to-metadata"),
        pytest.param("https://reg.example/v2/", "https://10.0.0.1/", id="to-a-private-address"),
        pytest.param("https://reg.example/v2/", "ftp://reg.example/", id="to-another-protocol"),
        pytest.param("https://reg.example/v2/", "https://user:word@cdn.example/", id="to-a-url-with-a-login"),
    ],
)
def test_redirect_is_refused(source: str, target: str) -> None:
    with pytest.raises(EgressRefused):
        NOBODY.check_redirect(source, target)


def test_redirect_to_a_public_storage_server_is_followed() -> None:
    NOBODY.check_redirect("https://reg.example/v2/", "https://cdn.example/blob?sig=abc%20d")
    NOBODY.check_redirect("http://localhost:5000/v2/", "http://localhost:5001/blob")


@given(st.text(max_size=60))
def test_no_text_is_read_as_a_host_that_it_does_not_spell(text: str) -> None:
    try:
        host = parse_host(text)
    except EgressRefused:
        return
    assert host.name in (
        text.lower().partition("]")[0] + "]",
        text.lower().partition(":")[0].removesuffix("."),
        HUB_API,
    )
    assert parse_host(str(host)) == host


@given(st.sampled_from(["https://a.example", "http://a.example:80"]), st.text(max_size=20))
def test_url_has_the_host_before_the_first_slash_or_is_refused(prefix: str, rest: str) -> None:
    try:
        _, host = origin(f"{prefix}/{rest}")
    except EgressRefused:
        return
    assert host == Host("a.example")


@given(st.text(alphabet="abz019.-/@:#?\\ \t%[]", max_size=25))
@example("0?")
@example("0??")
def test_url_readers_agree_on_the_host_of_every_url_that_passes(text: str) -> None:
    try:
        url = parse_url(f"https://{text}")
    except EgressRefused:
        return
    other = urlsplit(f"https://{text}")
    assert (url.name.strip("[]"), url.port) == (other.hostname, other.port or 443)
    assert url.name.removesuffix(".") == url.host.name or url.host.name == HUB_API
    target = (other.path or "/") + (f"?{other.query}" if other.query else "")
    assert url.target in (target, f"{target}?"), "an empty query is not told from none by urlsplit"


@pytest.mark.parametrize(
    ("text", "netloc", "port", "target"),
    [
        ("https://r.example", "r.example", 443, "/"),
        ("https://R.Example:443/v2/", "r.example", 443, "/v2/"),
        ("http://r.example:443/v2/", "r.example:443", 443, "/v2/"),
        ("https://r.example.:5000?next=%2B&a=b#top", "r.example.:5000", 5000, "/?next=%2B&a=b"),
        ("http://[::1]:5000/v2/a?n=1000", "[::1]:5000", 5000, "/v2/a?n=1000"),
        ("https://index.docker.io/v1/|x", "index.docker.io", 443, "/v1/|x"),
    ],
)
def test_what_is_sent_is_what_was_written(text: str, netloc: str, port: int, target: str) -> None:
    url = parse_url(text)
    assert (url.netloc, url.port, url.target) == (netloc, port, target)


def test_sites_are_told_apart() -> None:
    assert same_site(Host("a.example.com"), Host("b.example.com"))
    assert not same_site(Host("a.github.io"), Host("b.github.io"))
    assert not same_site(Host("com"), Host("com2"))
