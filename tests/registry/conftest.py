"""What the registry tests share: host names of their own, an authority, and secrets that must never be seen."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.certificates import Authority, make_authority
from support.logins import SECRETS

Names = Callable[..., None]


@pytest.fixture(autouse=True)
def _nothing_leaks(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Nothing that any of these tests logs, at any level, or prints, holds a planted secret."""
    caplog.set_level(0)
    caplog.set_level(0, logger="httpcore")
    caplog.set_level(0, logger="httpx")
    yield
    printed = capfd.readouterr()
    logged = "\n".join(record.getMessage() for phase in ("setup", "call") for record in caplog.get_records(phase))
    for secret in SECRETS:
        assert secret not in printed.out + printed.err + logged


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """``names(NAME, ADDRESSES, …)``: what a name resolves to, one answer a question, the last one for ever."""
    known: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in known:
            if name.replace(".", "").isdigit() or ":" in name or name == "localhost":
                return real(host, port, *args, **kwargs)
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        answers = known[name]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answer]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    def set_name(name: str, *answers: str) -> None:
        known[name] = [answer.split() for answer in answers]

    return set_name


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority for this run."""
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """An empty home folder."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder
