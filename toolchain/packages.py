"""The system packages the local cloud needs: installed on Debian as root, named elsewhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from toolchain import progress
from toolchain.errors import ToolchainError
from toolchain.host import Host
from toolchain.locking import alone
from toolchain.places import Places
from toolchain.progress import Say

DOCKER = "docker.io"
# Command -> Debian package.
LOCAL_CLOUD: Mapping[str, str] = {
    "docker": DOCKER,
    "dockerd": DOCKER,
    "iptables": "iptables",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "mmdebstrap": "mmdebstrap",
}
# Only where no public image can be pulled (localcloud/machines/image.py).
MMDEBSTRAP = "mmdebstrap"
# Administration commands are not on the PATH of every account.
SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")
UPDATE_SECONDS = 300
INSTALL_SECONDS = 900
APT = ("apt-get", "-o", "Acquire::http::Timeout=20", "-o", "Acquire::Retries=2",
       "-o", "DPkg::Lock::Timeout=120")  # fmt: skip


def needed(host: Host, *, engine: bool) -> Mapping[str, str]:
    """
    The commands that must be there on this host; `engine`: a Docker Engine answers.

    How an engine that answers is started is not our business. What is only needed where no public
    image can be pulled is asked for where it can simply be installed.
    """
    spared = {"dockerd"} if engine else set()
    if not (host.debian and host.root):
        spared.add(MMDEBSTRAP)
    return {command: each for command, each in LOCAL_CLOUD.items() if command not in spared}


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
    if not (host.debian and host.root):
        raise ToolchainError(
            not_installed({command: commands[command] for command in absent}, host)
        )
    wanted = sorted({commands[command] for command in absent})
    install(wanted, places.toolchain / "apt.log", say)
    still = missing(commands, path)
    if still:
        raise ToolchainError(
            f"{', '.join(wanted)} brought no {', '.join(still)}\n    see {places.toolchain}/apt.log"
        )
    return wanted


def not_installed(absent: Mapping[str, str], host: Host) -> str:
    """The message for commands, each with its Debian package, that cannot be installed here."""
    wanted = " ".join(sorted(set(absent.values())))
    way_out = f"install what brings them (Debian's packages: {wanted})"
    if host.debian:
        way_out = f"run as root, or first: sudo apt-get install {wanted}"
    return f"not installed: {', '.join(absent)}\n    {way_out}"


def install(wanted: Sequence[str], log: Path, say: Say) -> None:
    """Installs Debian packages, as root; two runs wait for each other. Raises ToolchainError."""
    # apt-get itself waits for another one at one of its two locks only.
    with alone(log.with_suffix(".lock"), say):
        _install(wanted, log, say)


def _install(wanted: Sequence[str], log: Path, say: Say) -> None:
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
