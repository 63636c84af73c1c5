"""Taking the demo down: the cluster through Pulumi, then the local cloud, then what we started."""

from __future__ import annotations

import os

from demo import origin
from localcloud.errors import LocalCloudError
from localcloud.lifecycle import Cloud
from localcloud.workbench import aws_plugin, environment, orphans
from localcloud.workbench.folder import Folder
from localcloud.workbench.stack import Stack, require_idle, resources
from localcloud.workbench.stages import Stages
from toolchain import docker_engine, pulumi_cli
from toolchain.host import Host
from toolchain.progress import Say


def destroy(folder: Folder, host: Host, say: Say) -> None:
    """
    Leaves nothing of the demo but caches; may be repeated, whatever state it is in.

    Refuses while a pulumi works on the stack. When `pulumi destroy` fails the local cloud ends all
    the same, with everything in it, and the failure is raised afterwards.
    """
    stages = Stages(say)
    cloud = Cloud(folder.places.cloud)
    failure: LocalCloudError | None = None
    require_idle(folder.state)
    if not docker_engine.ask().version and not _was_left(folder, cloud):
        say("there is no demo, and Docker does not run")
        return
    with stages.stage("Docker") as report:
        # What an engine that has ended left on disk is found by one that runs.
        report(docker_engine.start(folder.places, host, report))
    with stages.stage("pulumi destroy") as report:
        try:
            _destroy_stack(folder, host, cloud, report)
        except LocalCloudError as error:
            failure = error
    with stages.stage("local cloud") as report:
        cloud.stop(report)
        for name in orphans.end(folder.pulumi_home):
            report(f"left behind by a pulumi that was killed, ended: {name}")
        folder.forget()
        aws_plugin.forget_standin(folder)
        report(docker_engine.stop(folder.places, report))
    say(f"seconds     {stages.summary}")
    if failure:
        raise LocalCloudError(
            f"{failure}\n    the local cloud has ended all the same: nothing is left of the demo"
        )


def _was_left(folder: Folder, cloud: Cloud) -> bool:
    """Whether an end without `destroy`, such as a reboot, may have left machines on disk."""
    return folder.state.exists() or (cloud.home / "endpoint.json").exists()


def _destroy_stack(folder: Folder, host: Host, cloud: Cloud, report: Say) -> None:
    count = resources(folder)
    if not count:
        report("the stack holds no resources")
        return
    if not origin.is_same(folder, cloud.endpoint()):
        report(f"the local cloud has ended with the stack's {count} resources: forgetting them")
        return
    cli = pulumi_cli.provide(folder.places, host, os.environ["PATH"], report)
    stack = Stack(folder, environment.complete(folder, cli.folder, os.environ))
    stack.take_over(report)
    stack.destroy()
