"""The manifests beside the manual: printed by the command that their README names, and of one piece."""

from __future__ import annotations

from typing import Any

import yaml

from e2e.conftest import EXAMPLES, Stage

FOLDER = EXAMPLES / "automation"


def job(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    return found


def test_the_cron_job_is_what_the_command_prints(stage: Stage) -> None:
    clusters = stage.root / "clusters"
    clusters.mkdir()
    (clusters / "image-automation.yaml").write_bytes((FOLDER / "image-automation.yaml").read_bytes())
    stage.run("git", "init", "-q")
    (command,) = [
        line for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith("$ ") and "--emit" in line
    ]
    done = stage.run(*command.removeprefix("$ ").partition(" > ")[0].split())
    assert (done.status, done.stderr) == (0, ""), str(done)
    assert done.stdout == (FOLDER / "cronjob.yaml").read_text()


def test_the_indexed_job_tells_each_pod_how_many_there_are() -> None:
    spec = job("lock-job.yaml")["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert spec["completionMode"] == "Indexed"
    assert {"name": "JOB_COMPLETIONS", "value": str(spec["completions"])} in container["env"]
    assert container["args"][:3] == ["lock", "--lock-file", "/shards/$(JOB_COMPLETION_INDEX).yaml"]


def test_every_volume_of_a_job_is_there_and_every_container_is_locked_down() -> None:
    crons = [each for each in yaml.safe_load_all((FOLDER / "cronjob.yaml").read_text()) if each["kind"] == "CronJob"]
    jobs = [cron["spec"]["jobTemplate"] for cron in crons] + [job("lock-job.yaml"), job("lock-merge-job.yaml")]
    assert len(jobs) == 3
    for each in jobs:
        pod = each["spec"]["template"]["spec"]
        volumes = {volume["name"] for volume in pod["volumes"]}
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
