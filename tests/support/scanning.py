"""Several repositories scanned at once, for tests that want all the answers in the order of the questions."""

from __future__ import annotations

from collections.abc import Sequence

from imagesetter.registry.client import Client
from imagesetter.registry.reference import Repository
from imagesetter.registry.scan import Scan, ScanOptions
from krm_functions.errors import ReportedError


def scan_all(client: Client, questions: Sequence[tuple[Repository, ScanOptions]]) -> list[Scan | ReportedError]:
    """What `Client.scan_each` answers, each question once."""
    found = dict(client.scan_each(questions))
    return [found[number] for number in range(len(questions))]
