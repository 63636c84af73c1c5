"""A local cloud of its own with two stacks: this program's, and the plain one to compare with."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.programs import Program
from localcloud.lifecycle import Cloud
from localcloud.machines import Machines, ensure_image
from localcloud.workbench import aws_plugin, k3s_versions, orphans, stack_config, stack_file
from localcloud.workbench.folder import Folder
from localcloud.workbench.stages import Stages
from localcloud.workbench.workbench import Workbench, prepare_host, set_up
from toolchain import docker_engine, preconditions
from toolchain.host import Host
from toolchain.k3s import K3s
from toolchain.tasks import TASKS

# Apart from every demo's and every test's on this host.
VPC_CIDR = "10.49.0.0/16"
JOB = "job"
"""The folder of a pipeline's job (job_start.py), below that of the measurement."""
# The stacks of large clusters (many.py).
MANY = "Pulumi.{}-many*.yaml"

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class BenchEnvironment:
    """What the measurements work with. `machines` are for what is done by hand."""

    program: Program
    plain: Program
    cloud_id: str
    cloud_home: Path
    machines: Machines
    k3s: K3s
    aws_plugin: str
    say: Say


@contextmanager
def prepare(folder: Folder, host: Host, say: Say) -> Iterator[BenchEnvironment]:
    """Prepares what is missing, and leaves nothing but caches. Raises as the demo does."""
    preconditions.check(TASKS["bench"], folder.places, host, os.environ["PATH"])
    stages = Stages(say)
    cloud, by_hand = _clouds(folder)
    try:
        prepare_host(folder, host, stages)
        # What a measurement that was killed left.
        _end(folder, cloud, by_hand)
        workbench = set_up(folder, cloud, host, stages)
        plugin = workbench.install_aws_plugin(say)
        _configure(workbench)
        complete = workbench.environment
        yield BenchEnvironment(
            program=_program("program", folder, folder.places.root, complete),
            plain=_program("plain", folder, _plain(folder), complete),
            cloud_id=cloud.id,
            cloud_home=cloud.home,
            machines=Machines(by_hand.id, ensure_image(say), home=by_hand.home),
            k3s=workbench.k3s,
            aws_plugin=plugin,
            say=say,
        )
    finally:
        if docker_engine.ask().version:
            _end(folder, cloud, by_hand)
            docker_engine.stop(folder.places, say)


def clean(folder: Folder) -> None:
    """Removes what a measurement that was killed has left, where a Docker Engine answers."""
    if docker_engine.ask().version:
        _end(folder, *_clouds(folder))


def _clouds(folder: Folder) -> tuple[Cloud, Cloud]:
    """The one of the program's stack, and the one whose machines are started by hand."""
    return Cloud(_cloud_home(folder)), Cloud(folder.path / "by-hand")


def _cloud_home(folder: Folder) -> Path:
    return folder.path / "cloud"


def _end(folder: Folder, cloud: Cloud, by_hand: Cloud) -> None:
    """Removes what this run or one that was killed has made; an error stops no other step."""
    with ExitStack() as steps:
        # The last one is done first.
        steps.callback(folder.forget)
        steps.callback(shutil.rmtree, folder.path / JOB, ignore_errors=True)
        for each in (folder.places.root, _plain(folder)):
            for file in (each / f"Pulumi.{folder.name}.yaml", *each.glob(MANY.format(folder.name))):
                steps.callback(file.unlink, missing_ok=True)
        steps.callback(aws_plugin.forget_standin, folder)
        # What it serves, after its end.
        steps.callback(k3s_versions.forget, _cloud_home(folder))
        steps.callback(by_hand.stop, lambda _: None)
        steps.callback(cloud.stop, lambda _: None)
        steps.callback(orphans.end, folder.pulumi_home, engines=True)


def _plain(folder: Folder) -> Path:
    return folder.places.root / "bench" / "plain"


def _program(name: str, folder: Folder, root: Path, complete: dict[str, str]) -> Program:
    made = Program(root, folder.name, complete, folder.path / f"{name}.log")
    made.answer("stack", "select", "--create")
    return made


def _configure(workbench: Workbench) -> None:
    folder, content = workbench.folder, workbench.stack_config({})
    content["config"][stack_config.CLUSTER]["network"]["vpcCidr"] = VPC_CIDR
    stack_file.write(folder.stack_config, content)
    plain = {"config": stack_config.aws(workbench.running)}
    stack_file.write(_plain(folder) / folder.stack_config.name, plain)
