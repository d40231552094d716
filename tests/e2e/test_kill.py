"""`kill -9` at every step and at random moments: no file is ever partial, and the next run finishes the work."""

from __future__ import annotations

import sys
from pathlib import Path

from e2e.conftest import Stage

RUNS = 60
FILES = 12
OLD, NEW = "1.0.0", "1.0.10"
POLICIES = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: app, namespace: flux-system}
spec: {image: r.example.com/app}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: app, namespace: flux-system}
spec: {imageRepositoryRef: {name: app}, policy: {semver: {range: 1.0.x}}}
status: {latestRef: {name: r.example.com/app, tag: TAG}}
"""
# Imports once, then forks: each child is a whole update that is killed; its tree is looked at after each. First one is
# killed just before each of its renames, then many at random moments.
DRIVER = """\
import os, random, signal, sys, time
from pathlib import Path
from imagesetter.cli.main import main
import imagesetter.cli.commands.update
policies, tree, runs = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
rng = random.Random(20261123)
whole = {path.read_bytes() for path in (tree.parent / "whole").iterdir()}
template = policies.read_text()
def renamed(before):
    return sum(path.read_bytes() != data for path, data in zip(files, before))
def update(tag, before=(), renames=None):
    policies.write_text(template.replace("TAG", tag))
    child = os.fork()
    if child == 0:
        left = [None] * len(before[:renames])
        def hook(event, arguments):
            if event == "os.rename" and renames is not None:
                try:
                    left.pop()
                except IndexError:
                    while renamed(before) < renames:
                        time.sleep(0.001)  # other threads are at it
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(hook)
        main(["update", "--from", "status", "--policies", str(policies), "--allow-downgrade", "-q", str(tree)])
        os._exit(0)
    return child
files = sorted(tree.glob("*.yaml"))
changed = []
for renames in range(len(files)):
    os.waitpid(update("1.0.0"), 0)
    before = [path.read_bytes() for path in files]
    os.waitpid(update("1.0.10", before, renames), 0)
    changed.append(renamed(before) if {path.read_bytes() for path in files} <= whole else -1)
longest = 0.0  # of a whole update on this machine, as busy as it is now: the kills are spread over that time
for tag in ("1.0.10", "1.0.0"):
    start = time.monotonic()
    os.waitpid(update(tag), 0)
    longest = max(longest, time.monotonic() - start)
partial = 0
for run in range(runs):
    child = update(("1.0.10", "1.0.0")[run % 2])
    time.sleep(rng.uniform(0, longest))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    partial += not {path.read_bytes() for path in files} <= whole
print(partial, *changed)
"""


def content(tag: str) -> bytes:
    filler = b"# a line that makes the file long enough to be torn\n" * 400
    return filler + f'image: r.example.com/app:{tag} # {{"$imagepolicy": "flux-system:app"}}\n'.encode() + filler


def test_kills_before_each_rename_and_at_sixty_moments_leave_no_partial_file(stage: Stage) -> None:
    tree, whole = stage.root / "tree", stage.root / "whole"
    policies = stage.root / "policies.yaml"
    policies.write_text(POLICIES)
    for directory in (tree, whole):
        directory.mkdir()
    for number in range(FILES):
        (tree / f"{number}.yaml").write_bytes(content(OLD))
    for tag in (OLD, NEW):
        (whole / tag).write_bytes(content(tag))
    done = stage.run(sys.executable, "-c", DRIVER, str(policies), str(tree), str(RUNS))
    assert done.status == 0, str(done)
    partial, *changed = map(int, done.stdout.split())
    assert changed == list(range(FILES)), (
        "a kill before a rename leaves all files new that were renamed, the others old"
    )
    assert partial == 0
    policies.write_text(POLICIES.replace("TAG", NEW))
    done = stage.run("imagesetter", "update", "--from", "status", "--policies", str(policies), str(tree))
    assert done.status == 0, str(done)
    assert {path.read_bytes() for path in tree.glob("*.yaml")} == {content(NEW)}
    leftovers = [path for path in tree.iterdir() if path.suffix != ".yaml"]
    assert all(path.name.endswith(".imagesetter") for path in leftovers)


def test_a_temporary_file_left_behind_is_no_configuration(tmp_path: Path) -> None:
    from imagesetter.files.find import find_files

    (tmp_path / ".a.yaml.x1y2z3.imagesetter").write_text("half of a fi")
    assert list(find_files([tmp_path])) == []
