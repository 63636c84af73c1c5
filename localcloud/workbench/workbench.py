"""The preparation of a local cloud, and of everything that a Pulumi stack on it needs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud import architectures
from localcloud.lifecycle import Cloud
from localcloud.workbench import aws_plugin, environment, stack_config, stack_file
from localcloud.workbench.folder import Folder
from localcloud.workbench.stages import Stages
from toolchain import docker_engine, k3s, packages, pulumi_cli
from toolchain.host import Host
from toolchain.k3s import K3s
from toolchain.progress import Say

STAGES = ("system packages", "Docker", "Pulumi CLI", "k3s", "local cloud")


@dataclass(frozen=True, kw_only=True)
class Workbench:
    """A local cloud that is running; `running` is what its daemon announced (Cloud.endpoint)."""

    folder: Folder
    host: Host
    cloud: Cloud
    running: Mapping[str, Any]
    pulumi: Path
    """The folder of the Pulumi CLI."""
    k3s: K3s

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of a Pulumi run."""
        return environment.complete(self.folder, self.pulumi, os.environ)

    def install_aws_plugin(self, say: Say) -> str:
        """Installs the official plugin where it can be had, else the stand-in; which one it is."""
        operator_home = environment.operator_home(os.environ)
        return aws_plugin.provide(self.folder, self.host, self.environment, operator_home, say)

    def stack_config(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """The content of a stack's configuration file, given what it was."""
        return stack_config.merged(
            before,
            root=self.folder.places.root,
            architecture=self.host.architecture,
            running=self.running,
            k3s=self.k3s,
        )

    def write_stack_config(self) -> None:
        """Updates the folder's stack configuration; a file without changes is not written."""
        file = self.folder.stack_config
        before = stack_file.read(file)
        after = self.stack_config(before)
        if after != before:
            stack_file.write(file, after)


def prepare_host(folder: Folder, host: Host, stages: Stages) -> None:
    """Installs the system packages that are missing and starts Docker. Raises ToolchainError."""
    path = os.environ["PATH"]
    with stages.stage("system packages") as say:
        commands = packages.needed(host, engine=bool(docker_engine.ask().version))
        installed = packages.provide(commands, folder.places, host, path, say)
        say(f"installed {' '.join(installed)}" if installed else "all there")
    with stages.stage("Docker") as say:
        say(docker_engine.start(folder.places, host, say))


def named_k3s(folder: Folder, host: Host, say: Say) -> K3s:
    """The k3s that K3S_BINARY names, the release, or the stand-in. Raises ToolchainError."""
    return k3s.provide(folder.places, host, os.environ.get(k3s.VARIABLE), say)


def set_up(
    folder: Folder,
    cloud: Cloud,
    host: Host,
    stages: Stages,
    *,
    provide_k3s: Callable[[Folder, Host, Say], K3s] = named_k3s,
    emulated_k3s: Callable[[K3s, Say], Path | None] = lambda binary, say: None,
) -> Workbench:
    """
    Provides the Pulumi CLI, k3s and the stack's folder, and starts the cloud; Docker is running.

    `emulated_k3s`: that of the architecture this host does not have. Raises LocalCloudError,
    ToolchainError.
    """
    with stages.stage("Pulumi CLI") as say:
        cli = pulumi_cli.provide(folder.places, host, os.environ["PATH"], say)
        say(f"Pulumi {cli.version}, {cli.way}")
    with stages.stage("k3s") as say:
        binary = provide_k3s(folder, host, say)
        say(f"{binary.kind}, {binary.version}")
    with stages.stage("local cloud") as say:
        running = cloud.start(
            k3s_binary=binary.path,
            k3s_version=binary.version,
            port=0,
            say=say,
            emulated_k3s=emulated_k3s(binary, say),
        )
        say(f"at {running['endpoint']}; {architectures.notice(emulated=running['emulated'])}")
        environment.make_passphrase(folder)
        folder.state.mkdir(parents=True, exist_ok=True)
    return Workbench(
        folder=folder, host=host, cloud=cloud, running=running, pulumi=cli.folder, k3s=binary
    )
