"""The system packages the local cloud needs: installed on Debian as root, named elsewhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from toolchain import progress
from toolchain.errors import ToolchainError
from toolchain.host import Host
from toolchain.places import Places
from toolchain.progress import Say

# Command -> Debian package.
LOCAL_CLOUD: Mapping[str, str] = {
    "docker": "docker.io",
    "dockerd": "docker.io",
    "iptables": "iptables",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "mmdebstrap": "mmdebstrap",
}
# With an engine that answers, how it is started is not our business.
WITH_DOCKER: Mapping[str, str] = {
    command: package for command, package in LOCAL_CLOUD.items() if command != "dockerd"
}
# Administration commands are not on the PATH of every account.
SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")
UPDATE_SECONDS = 300
INSTALL_SECONDS = 900
APT = ("apt-get", "-o", "Acquire::http::Timeout=20", "-o", "Acquire::Retries=2",
       "-o", "DPkg::Lock::Timeout=120")  # fmt: skip


def missing(commands: Mapping[str, str], path: str) -> list[str]:
    """The commands that are not there, in the order given."""
    search = os.pathsep.join([path, *SBIN])
    return [command for command in commands if shutil.which(command, path=search) is None]


def provide(
    commands: Mapping[str, str], places: Places, host: Host, path: str, say: Say
) -> list[str]:
    """
    Makes sure the commands are there; the packages it installed for that.

    Raises ToolchainError with exactly what is missing where it may not install.
    """
    absent = missing(commands, path)
    if not absent:
        return []
    wanted = sorted({commands[command] for command in absent})
    if not host.debian:
        raise ToolchainError(
            f"not installed: {', '.join(absent)}\n"
            f"    install what brings them (Debian's packages: {' '.join(wanted)})"
        )
    if not host.root:
        raise ToolchainError(
            f"not installed: {', '.join(absent)}\n"
            f"    run as root, or first: sudo apt-get install {' '.join(wanted)}"
        )
    install(wanted, places.toolchain / "apt.log", say)
    still = missing(commands, path)
    if still:
        raise ToolchainError(
            f"{', '.join(wanted)} brought no {', '.join(still)}\n    see {places.toolchain}/apt.log"
        )
    return wanted


def install(wanted: Sequence[str], log: Path, say: Say) -> None:
    """Installs Debian packages, as root. Raises ToolchainError."""
    environment = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}
    for title, words, seconds in (
        ("apt-get update", ["update"], UPDATE_SECONDS),
        (f"installing {' '.join(wanted)}",
         ["install", "--yes", "--no-install-recommends", *wanted], INSTALL_SECONDS),
    ):  # fmt: skip
        say(title)
        progress.run(
            title,
            [*APT, *words],
            log=log,
            say=say,
            deadline_seconds=seconds,
            environment=environment,
            way_out=f"install by hand: apt-get install {' '.join(wanted)}",
        )
