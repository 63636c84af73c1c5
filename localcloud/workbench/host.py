"""What a local cloud needs of the host: system packages and Docker."""

from __future__ import annotations

import os

from localcloud.workbench.folder import Folder
from localcloud.workbench.stages import Stages
from toolchain import docker_engine, packages
from toolchain.host import Host


def prepare_host(folder: Folder, host: Host, stages: Stages) -> None:
    """Installs the system packages that are missing and starts Docker. Raises ToolchainError."""
    path = os.environ["PATH"]
    with stages.stage("system packages") as tell:
        commands = packages.needed(host, engine=bool(docker_engine.ask().version))
        installed = packages.provide(commands, folder.places, host, path, tell)
        tell(f"installed {' '.join(installed)}" if installed else "all there")
    with stages.stage("Docker") as tell:
        tell(docker_engine.start(folder.places, host, tell))
