"""A plain mutation engine, for where atheris is not: seeds, their pieces, the language's words, and chance.

No coverage guides it, so it is broad and not deep; it needs nothing but Python, and the same seed
gives the same inputs.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from fuzz.target import Target

HANGS_AFTER = 20  # seconds for one input, on a machine that does other things too

_ODD = (
    b"\0",
    b"\x1b[31m",
    b"\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x9a\xa2",
    b"\xe2\x80\xae",
    b"\r",
    b"-1",
    b"9" * 40,
)


def inputs(target: Target, seed: int) -> Iterator[bytes]:
    """Inputs without end: the seeds first, then what becomes of them."""
    chance = random.Random(seed)
    yield from target.seeds
    pool = list(target.seeds) or [b""]
    while True:
        data = chance.choice(pool)
        for _ in range(1 + min(int(chance.expovariate(0.4)), 30)):
            data = _mutated(data, target, pool, chance)[: target.longest]
        if chance.random() < 0.002:
            pool.append(data)
            if len(pool) > 200:
                pool.pop(chance.randrange(len(target.seeds), len(pool)))
        yield data


def _mutated(data: bytes, target: Target, pool: list[bytes], chance: random.Random) -> bytes:
    start, end = sorted((chance.randint(0, len(data)), chance.randint(0, len(data))))
    end = min(end, start + int(chance.expovariate(0.1)))
    words = target.words or (b" ",)
    match chance.randrange(8):
        case 0:
            return data[:start] + data[end:]
        case 1:
            return data[:start] + data[start:end] * chance.choice((2, 2, 3, 20)) + data[end:]
        case 2:
            return data[:start] + bytes((chance.randrange(256),)) + data[start + 1 :]
        case 3:
            return (
                data[:start] + bytes((chance.choice(b" -_.:/,'\"{}[]()#&*!|>%@$0123456789abzAZ\n\t"),)) + data[start:]
            )
        case 4 | 5:
            return data[:start] + chance.choice(words) + data[start if chance.random() < 0.6 else end :]
        case 6:
            return data[:start] + chance.choice(_ODD) + data[end:]
        case _:
            other = chance.choice(pool)
            at = chance.randint(0, len(other))
            return data[:start] + other[at : at + int(chance.expovariate(0.02))] + data[end:]


class Hang(Exception):
    """One input took longer than any may."""


def fuzz(target: Target, *, runs: int, seed: int, crashes: Path) -> int:
    """Attack *runs* times; every input that crashes is kept in a file. Gives the number of different crashes."""
    found: set[tuple[str, str]] = set()
    signal.signal(signal.SIGALRM, _too_long)
    for number, data in zip(range(runs), inputs(target, seed), strict=False):
        signal.alarm(HANGS_AFTER)
        try:
            target(data)
        except Exception as err:  # noqa: BLE001 that is what is looked for
            kind, place = type(err).__name__, _place(err)
            if (kind, place) not in found:
                found.add((kind, place))
                crashes.mkdir(parents=True, exist_ok=True)
                file = crashes / f"{target.name}-{seed}-{number}"
                file.write_bytes(data)
                print(f"{target.name}: run {number}: {kind} at {place}: {str(err)[-300:]}")
                print(f"  {data[:200]!r}\n  kept in {file}", flush=True)
        finally:
            signal.alarm(0)
    return len(found)


def _place(err: BaseException) -> str:
    """The innermost line of ours that an error comes from: with its kind, what tells crashes apart."""
    trace, place = err.__traceback__, ""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if "imagesetter" in file or "fuzz" in file:
            place = f"{Path(file).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _too_long(_signal: int, _frame: FrameType | None) -> None:
    raise Hang(f"one input takes longer than {HANGS_AFTER} s")
