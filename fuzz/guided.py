"""The coverage-guided engine: atheris, which is libFuzzer with Python's lines for coverage."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

from fuzz.target import Target


def fuzz(target: Target, *, runs: int, seed: int, crashes: Path) -> NoReturn:
    """Attack until *runs* inputs are done or one crashes; libFuzzer then ends the process."""
    crashes.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{target.name}-"))
    for number, data in enumerate(target.seeds):
        (folder / f"seed-{number}").write_bytes(data)
    words = Path(tempfile.mkdtemp(prefix="fuzz-words-")) / "words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words if len(word) < 60))
    with atheris.instrument_imports(include=["imagesetter", "krm_functions"], enable_loader_override=False):
        target(b"")
        for data in target.seeds:
            target(data)
    arguments = [
        sys.argv[0],
        str(folder),
        f"-runs={runs}",
        f"-seed={seed}",
        f"-max_len={target.longest}",
        f"-dict={words}",
        "-timeout=20",
        "-rss_limit_mb=3000",
        f"-artifact_prefix={crashes}/{target.name}-",
        "-print_final_stats=1",
        "-len_control=20",
    ]
    atheris.Setup(arguments, target, enable_python_coverage=True)
    atheris.Fuzz()
    sys.exit(0)


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02X}" for byte in word)
