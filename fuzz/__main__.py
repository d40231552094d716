"""``python -m fuzz TARGET --runs N --seed S``: attack one target, or all; ends with 1 where something crashed.

Coverage-guided by atheris where that is installed, else by the engine in `fuzz.mutate`. A file in place of a target's
name (``python -m fuzz TARGET FILE…``) runs these inputs once, to see a crash again.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import time
from pathlib import Path

from fuzz import targets_names, targets_registry, targets_template, targets_text
from fuzz.target import Target

TARGETS: dict[str, Target] = {
    target.name: target
    for module in (targets_names, targets_registry, targets_template, targets_text)
    for target in module.TARGETS
}
CRASHES = Path("build/fuzz")


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("target", nargs="?", default="all", choices=["all", "list", *TARGETS])
    parser.add_argument("files", nargs="*", type=Path, help="inputs to run once instead")
    parser.add_argument("--runs", type=int, default=2_000, help="inputs for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=["auto", "atheris", "mutate"], default="auto")
    parser.add_argument("--crashes", type=Path, default=CRASHES, help="where inputs that crash are kept")
    given = parser.parse_args()
    if given.target == "list":
        print("\n".join(TARGETS))
        return 0
    if given.files:
        for file in given.files:
            TARGETS[given.target](file.read_bytes())
        return 0
    guided = given.engine == "atheris" or (given.engine == "auto" and importlib.util.find_spec("atheris") is not None)
    if given.target == "all":
        return max(_alone(name) for name in TARGETS)
    target = TARGETS[given.target]
    started = time.monotonic()
    if guided:
        from fuzz.guided import fuzz as guided_fuzz

        guided_fuzz(target, runs=given.runs, seed=given.seed, crashes=given.crashes)  # ends the process
    from fuzz.mutate import fuzz

    count = fuzz(target, runs=given.runs, seed=given.seed, crashes=given.crashes)
    seconds = time.monotonic() - started
    print(f"{target.name}: {given.runs:,} runs, seed {given.seed}, {count} crashes, {seconds:.0f} s", flush=True)
    return min(count, 1)


def _alone(name: str) -> int:
    """One target in a process of its own, so that neither memory nor caches pass from one to the next."""
    arguments = [argument for argument in sys.argv[1:] if argument != "all"]
    return min(subprocess.run([sys.executable, "-m", "fuzz", name, *arguments], check=False).returncode & 0xFF, 1)


if __name__ == "__main__":
    sys.exit(main())
