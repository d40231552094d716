"""The registry client and nothing else: ``python lister.py CA HOST CONNECTIONS NAME...`` lists repositories.

CA is a file or empty. HOST, where it is not empty, is a name that means this machine, as with curl's ``--resolve``: so
the client meets a host that is not local, and does not try plain HTTP first as it does on loopback. It prints the
number of tags, and on standard error the seconds since it began to ask: the client imports all of HTTP by itself,
while certificates are read, and looks for cycles as seldom as the command.
"""

from __future__ import annotations

import gc
import socket
import sys
import time
from pathlib import Path
from typing import Any

from imagesetter.registry.client import Client
from imagesetter.registry.http.address_rules import AddressRules
from imagesetter.registry.http.tls import Tls
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.scan import Scan, ScanOptions
from imagesetter.registry.settings import ClientSettings


def main() -> None:
    """List them all."""
    ca, name, limit, *repositories = sys.argv[1:]
    began = time.perf_counter()
    if name:
        _resolve(name)
    options = ScanOptions(tls=Tls(ca=Path(ca).read_bytes()) if ca else None, timeout=600)
    hosts = {repository.partition("/")[0] for repository in repositories}
    address_rules = AddressRules.parse(tuple(hosts)) if name else AddressRules()
    settings = ClientSettings(address_rules=address_rules, connections_per_host=int(limit))
    with Client(settings) as client:
        found = list(client.scan_each([(parse_flux_image(repository), options) for repository in repositories]))
    tags = 0
    for _, scan in found:
        assert isinstance(scan, Scan), scan
        tags += len(scan.tags)
    print(tags)
    print(time.perf_counter() - began, file=sys.stderr)


def _resolve(name: str) -> None:
    """Let a name mean this machine."""
    ask = socket.getaddrinfo

    def getaddrinfo(host: Any, *rest: Any, **others: Any) -> Any:
        return ask("127.0.0.1" if host == name else host, *rest, **others)

    socket.getaddrinfo = getaddrinfo


if __name__ == "__main__":
    gc.set_threshold(200_000)
    main()
    gc.freeze()
