"""From a fresh checkout to a cluster: what is missing is prepared, what is there is used again."""

from __future__ import annotations

import os
from typing import Any

from demo import boot_bars, nodes, origin, suggestions, system_pods
from localcloud.errors import LocalCloudError
from localcloud.lifecycle import Cloud
from localcloud.workbench import environment
from localcloud.workbench.folder import Folder
from localcloud.workbench.stack import Stack, resources
from localcloud.workbench.stages import Stages
from localcloud.workbench.workbench import STAGES as SET_UP
from localcloud.workbench.workbench import Workbench, named_k3s, prepare_host, set_up
from toolchain import k3s, preconditions
from toolchain.host import Host
from toolchain.progress import Say
from toolchain.tasks import TASKS

STAGES = (*SET_UP, "pulumi up", "kubeconfig")


def up(folder: Folder, host: Host, say: Say, before: float = 0.0) -> None:
    """
    Brings the demo up and prints what to try next; `before` are the seconds spent on it already.

    Raises LocalCloudError, ToolchainError.
    """
    preconditions.check(TASKS["demo"], folder.places, host, os.environ["PATH"])
    stages = Stages(say, STAGES, before=before)
    cloud = Cloud(folder.places.cloud)
    require_same_cloud(folder, cloud.endpoint())
    prepare_host(folder, host, stages)
    workbench = set_up(
        folder,
        cloud,
        host,
        stages,
        provide_k3s=_k3s,
        # What `make emulation` has prepared.
        emulated_k3s=lambda binary, _: k3s.emulated_if_built(folder.places, host, binary),
    )
    with stages.stage("pulumi up") as report:
        stack = _stack(workbench, report)
        stack.up()
    with stages.stage("kubeconfig"):
        stack.export_kubeconfig()
        listing = nodes.listed(folder.kubeconfig, stack.environment)
    say(f"\n{listing}\n\nkubeconfig  {folder.kubeconfig}")
    say(f"k3s         {workbench.k3s.kind}, {workbench.k3s.version}")
    if notice := system_pods.notice(workbench.k3s):
        say(f"pods        {notice}")
    say(f"seconds     {stages.summary}\n\n{boot_bars.text(stack)}\n\n{suggestions.text(folder)}")


def require_same_cloud(folder: Folder, running: dict[str, Any] | None) -> None:
    """A cluster whose cloud has ended cannot be updated, only forgotten."""
    if resources(folder) and not origin.is_same(folder, running):
        raise LocalCloudError(
            "the local cloud that held the demo's cluster has ended, and its machines with it\n"
            "    make demo-destroy forgets the cluster, make demo then makes a new one"
        )


def _k3s(folder: Folder, host: Host, say: Say) -> k3s.K3s:
    # A cluster keeps the kind it was made with, whatever can be reached today.
    made_with_standin = resources(folder) and origin.k3s_kind(folder) == k3s.THE_STANDIN
    if made_with_standin and not os.environ.get(k3s.VARIABLE):
        return k3s.standin(folder.places, say)
    return named_k3s(folder, host, say)


def _stack(workbench: Workbench, say: Say) -> Stack:
    """The stack, selected and configured for the cloud that is running."""
    folder = workbench.folder
    origin.remember(folder, workbench.running, workbench.k3s)
    say(workbench.install_aws_plugin(say))
    workbench.write_stack_config()
    environment.write_kubectl(folder, workbench.k3s.path)
    environment.write_shell(folder, workbench.pulumi)
    stack = Stack(folder, workbench.environment)
    stack.select()
    stack.take_over(say)
    return stack
