"""From a fresh checkout to a cluster: what is missing is prepared, what is there is used again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from demo import nodes, origin, suggestions, system_pods
from localcloud import architectures
from localcloud.errors import LocalCloudError
from localcloud.lifecycle import Cloud
from localcloud.workbench import aws_plugin, environment, stack_config
from localcloud.workbench.folder import Folder
from localcloud.workbench.host import prepare_host
from localcloud.workbench.stack import Stack, resources
from localcloud.workbench.stages import Stages
from toolchain import k3s, preconditions, pulumi_cli
from toolchain.host import Host
from toolchain.progress import Say
from toolchain.tasks import TASKS

STAGES = (
    *("system packages", "Docker", "Pulumi CLI", "k3s"),
    *("local cloud", "pulumi up", "kubeconfig"),
)


def up(folder: Folder, host: Host, say: Say, before: float = 0.0) -> None:
    """
    Brings the demo up and tells how to go on; `before` are the seconds spent on it already.

    Raises LocalCloudError, ToolchainError.
    """
    preconditions.check(TASKS["demo"], folder.places, host, os.environ["PATH"])
    stages = Stages(say, STAGES, before=before)
    cloud = Cloud(folder.places.cloud)
    require_same_cloud(folder, cloud.endpoint())
    prepare_host(folder, host, stages)
    with stages.stage("Pulumi CLI") as tell:
        cli = pulumi_cli.provide(folder.places, host, os.environ["PATH"], tell)
        tell(f"Pulumi {cli.version}, {cli.way}")
    with stages.stage("k3s") as tell:
        binary = _k3s(folder, host, tell)
        tell(f"{binary.kind}, {binary.version}")
    with stages.stage("local cloud") as tell:
        running = cloud.start(
            k3s_binary=binary.path,
            k3s_version=binary.version,
            port=0,
            say=tell,
            # What `make emulation` has prepared.
            emulated_k3s=k3s.emulated_if_built(folder.places, host, binary),
        )
        tell(f"at {running['endpoint']}; {architectures.notice(emulated=running['emulated'])}")
    with stages.stage("pulumi up") as tell:
        stack = _stack(folder, host, cli.folder, running, binary, tell)
        stack.up()
    with stages.stage("kubeconfig"):
        stack.export_kubeconfig()
        listing = nodes.listed(folder.kubeconfig, stack.environment)
    say(f"\n{listing}\n\nkubeconfig  {folder.kubeconfig}")
    say(f"k3s         {binary.kind}, {binary.version}")
    if notice := system_pods.notice(binary):
        say(f"pods        {notice}")
    say(f"seconds     {stages.summary}\n\n{suggestions.text(folder)}")


def require_same_cloud(folder: Folder, running: dict[str, Any] | None) -> None:
    """A cluster whose cloud has ended cannot be updated, only forgotten."""
    if resources(folder) and not origin.is_same(folder, running):
        raise LocalCloudError(
            "the local cloud that held the demo's cluster has ended, and its machines with it\n"
            "    make demo-destroy forgets the cluster, make demo then makes a new one"
        )


def _k3s(folder: Folder, host: Host, tell: Say) -> k3s.K3s:
    named = os.environ.get(k3s.VARIABLE)
    # A cluster keeps the kind it was made with, whatever can be reached today.
    if not named and resources(folder) and origin.k3s_kind(folder) == k3s.THE_STANDIN:
        return k3s.standin(folder.places, tell)
    return k3s.provide(folder.places, host, named, tell)


def _stack(
    folder: Folder, host: Host, pulumi: Path, running: dict[str, Any], binary: k3s.K3s, tell: Say
) -> Stack:
    """The stack, selected and configured for the cloud that runs."""
    environment.make_passphrase(folder)
    origin.remember(folder, running, binary)
    ambient = dict(os.environ)
    stack = Stack(folder, environment.complete(folder, pulumi, ambient))
    operator_home = environment.operator_home(ambient)
    tell(aws_plugin.provide(folder, host, stack.environment, operator_home, tell))
    stack_config.write(
        folder,
        architecture=host.architecture,
        endpoint=running["endpoint"],
        region=running["region"],
        k3s=binary,
        sha256=running["k3sSha256"],
    )
    environment.write_kubectl(folder, binary.path)
    environment.write_shell(folder, pulumi)
    stack.select()
    stack.take_over(tell)
    return stack
