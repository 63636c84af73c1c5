"""A pipeline's job, its commands replaced by ones that record what they were started with."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench.environment import BenchEnvironment
from bench.job_start import PACKAGES, RESTORED, Jobs
from bench.programs import Program
from bench.shape import ONE_SERVER
from localcloud.errors import LocalCloudError
from localcloud.workbench import stack_file
from localcloud.workbench.stack_config import CLUSTER
from toolchain.k3s import K3s

# The virtual environment's own interpreter is the same script.
PYTHON = """#!/bin/sh
echo "python $*" >> {calls}
if [ "$2" = venv ]; then mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; fi
"""
PULUMI = """#!/bin/sh
echo "pulumi $*" >> {calls}
if [ "$1 $2" = "stack init" ]; then echo "encryptionsalt: v1:new" > Pulumi.bench-job.yaml; fi
if [ "$1" = up ]; then cp Pulumi.bench-job.yaml {folder}/configured; {up}; fi
"""
K3S = """#!/bin/sh
echo "k3s $*" >> {calls}
"""
COUNT_OF_A_START = {"count": "3"}


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@dataclasses.dataclass(frozen=True)
class Setting:
    bench: BenchEnvironment
    folder: Path

    def calls(self) -> list[str]:
        text = (self.folder / "calls").read_text()
        return text.replace(str(self.folder), "FOLDER").splitlines()


def made(tmp_path: Path, *, up: str = "true") -> Setting:
    checkout, commands = tmp_path / "checkout", tmp_path / "bin"
    for each in (checkout, commands, tmp_path / "bench"):
        each.mkdir()
    (checkout / "requirements.txt").touch()
    git(checkout, "init", "--quiet")
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "--message", "a")
    scripts = {"python3": PYTHON, "pulumi": PULUMI, "k3s": K3S}
    for name, script in scripts.items():
        file = commands / name
        file.write_text(script.format(calls=tmp_path / "calls", folder=tmp_path, up=up))
        file.chmod(0o755)
    environment = {"PATH": f"{commands}:/usr/bin:/bin"}
    program = Program(checkout, "bench", environment, tmp_path / "bench" / "program.log")
    cluster = {"servers": COUNT_OF_A_START, "pools": [{"name": "agents", "count": "3"}]}
    stack_file.write(program.config_file, {"config": {CLUSTER: cluster}})
    parts: dict[str, Any] = {
        **{each.name: None for each in dataclasses.fields(BenchEnvironment)},
        "program": program,
        "k3s": K3s(commands / "k3s", "v1", "the stand-in", "ab" * 32),
        "say": lambda _: None,
    }
    return Setting(BenchEnvironment(**parts), tmp_path)


def test_a_job_is_measured_part_by_part_and_nothing_of_it_is_left(tmp_path: Path) -> None:
    setting = made(tmp_path)
    measured = Jobs(setting.bench, ONE_SERVER).repeat(2)
    assert list(measured.parts) == [
        "clone",
        PACKAGES,
        RESTORED,
        "pulumi stack init",
        "pulumi up, every node Ready",
        "python -m ci connect",
        "kubectl get nodes",
    ]
    assert {len(each) for each in measured.parts.values()} == {2}
    job = "FOLDER/bench/job"
    venv = [
        f"python -m venv {job}/clone/.local/venv",
        "python -m pip install --quiet --requirement requirements.txt",
    ]
    stack = "--non-interactive --stack bench-job"
    assert setting.calls() == [
        *venv,
        *2
        * [
            *venv,
            f"pulumi stack init {stack}",
            f"pulumi up --yes --skip-preview --suppress-outputs {stack}",
            f"python -m ci connect --stack bench-job --kubeconfig {job}/kubeconfig",
            f"k3s kubectl --kubeconfig {job}/kubeconfig get nodes",
            f"pulumi destroy --yes --skip-preview --remove {stack}",
        ],
    ]
    assert list((tmp_path / "bench").iterdir()) == []


def test_the_jobs_stack_is_configured_as_the_measured_one_with_its_own_salt(
    tmp_path: Path,
) -> None:
    Jobs(made(tmp_path).bench, ONE_SERVER).repeat(1)
    assert stack_file.read(tmp_path / "configured") == {
        "encryptionsalt": "v1:new",
        "config": {
            CLUSTER: {"servers": {"count": "1"}, "pools": [{"name": "agents", "count": "2"}]}
        },
    }


def test_a_part_that_fails_is_an_error_and_its_cluster_is_destroyed(tmp_path: Path) -> None:
    setting = made(tmp_path, up="echo 'error: no'; exit 1")
    with pytest.raises(LocalCloudError, match=r"`pulumi up` of .* ended with 1\n    \| error: no"):
        Jobs(setting.bench, ONE_SERVER).repeat(1)
    assert setting.calls()[-1].startswith("pulumi destroy")
    assert list((tmp_path / "bench").iterdir()) == []


def test_a_command_that_fails_is_an_error_with_its_output(tmp_path: Path) -> None:
    setting = made(tmp_path)
    (tmp_path / "bin" / "python3").write_text("#!/bin/sh\necho no module named venv >&2; exit 3\n")
    with pytest.raises(LocalCloudError) as failed:
        Jobs(setting.bench, ONE_SERVER).repeat(1)
    assert str(failed.value).endswith("ended with 3\n    | no module named venv")
