"""The sources of one run, as `automate` has one for each automation: they share logins, connections and limits."""

from __future__ import annotations

from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.source import source_for
from imagesetter.errors import LockError
from imagesetter.fields.digests import FieldDigests
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.lock.document import Lock
from imagesetter.update.read_tree import flux_resources
from support.fakes import Reply, Seen, run_fake
from support.sandbox import IMAGE, POLICIES

WEB = PolicyName("flux-system", "web")
OPTIONS = NetworkOptions(no_cache=True, quiet=True, allow_loopback=True)


def no_lock() -> Lock:
    raise LockError("no lock is asked for")


def registry(seen: Seen) -> Reply:
    if seen.path == "/token":
        return Reply(200, {"token": "t", "expires_in": 300})
    if seen.authorization == "Bearer t":
        return Reply(200, {"tags": ["1.4.0"]})
    return Reply(401, {}, {"WWW-Authenticate": 'Bearer realm="/token",service="s"'})


def test_two_sources_of_one_run_log_in_once() -> None:
    with run_fake(registry) as fake, source_for("registry", no_lock, OPTIONS) as make:
        catalog = Catalog("flux-system")
        image = f"{fake.host}/web"
        catalog.add(flux_resources(POLICIES.replace(IMAGE, image).encode(), "policies.yaml"))
        for _ in range(2):
            (answer,) = make(catalog, FieldDigests()).answers([WEB]).values()
            assert getattr(answer, "ref", None) == LatestRef(image, "1.4.0"), answer
    assert [seen.path for seen in fake.seen].count("/token") == 1
