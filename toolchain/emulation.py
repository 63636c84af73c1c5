"""
Running the other architecture's programs on this host: qemu-user, known to binfmt_misc.

The kernel then starts an arm64 program on an x86_64 host (or the other way round) by itself, in
containers too. The entry is the whole host's and ends with it, or with `stop`.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from toolchain import packages
from toolchain.errors import ToolchainError
from toolchain.host import Architecture, Host
from toolchain.places import Places
from toolchain.progress import Say

BINFMT = Path("/proc/sys/fs/binfmt_misc")
# Where Debian's qemu-user-static says how a program of each architecture is recognised.
SHIPPED = Path("/usr/lib/binfmt.d")
# Under a name of our own: the host's entry stays as it is, and the newest one counts.
ENTRY = "k3s-aws-{name}"
# F: qemu is opened now, so a container needs none of its own. C: a setuid program, such as sudo,
# has its owner's rights. P: the program is told the name it was called by. O: what may not be read
# can be run.
FLAGS = "OCPF"
NEEDED = {"F", "C"}
QEMU_NAMES: Mapping[Architecture, str] = {"arm64": "aarch64", "x86_64": "x86_64"}
COMMANDS: Mapping[str, str] = {"mmdebstrap": "mmdebstrap", "arch-test": "arch-test"}


def other(host: Host) -> Architecture:
    """The architecture this host does not have."""
    return "x86_64" if host.architecture == "arm64" else "arm64"


def is_ready(host: Host, binfmt: Path = BINFMT) -> bool:
    """Whether the kernel starts the other architecture's programs, in containers and setuid."""
    name = QEMU_NAMES[other(host)]
    return any(_is_usable(entry, name) for entry in _entries(binfmt))


def start(
    places: Places,
    host: Host,
    path: str,
    say: Say,
    binfmt: Path = BINFMT,
    shipped: Path = SHIPPED,
) -> str:
    """
    Makes the kernel start the other architecture's programs; what was done, in one phrase.

    Installs qemu-user-static where it is missing. Raises ToolchainError with the way out.
    """
    wanted = other(host)
    name = QEMU_NAMES[wanted]
    commands = {**COMMANDS, f"qemu-{name}-static": "qemu-user-static"}
    packages.provide(commands, places, host, path, say)
    if is_ready(host, binfmt):
        return f"{wanted} programs run through qemu-user already"
    if not host.root:
        raise ToolchainError(
            f"{wanted} programs do not run here yet\n"
            "    run as root: qemu has to be registered with the kernel"
        )
    _mount(binfmt)
    _write(binfmt / "register", _registration(shipped / f"qemu-{name}.conf", name))
    if not is_ready(host, binfmt):
        raise ToolchainError(
            f"{binfmt}/register took the entry for {wanted}, and it is not there\n"
            "    see: dmesg | tail"
        )
    return f"{wanted} programs run through qemu-user, registered in {binfmt}"


def stop(host: Host, binfmt: Path = BINFMT) -> str:
    """Takes our entry back, if there is one; what was done."""
    entry = binfmt / ENTRY.format(name=QEMU_NAMES[other(host)])
    if not entry.exists():
        return f"{other(host)} programs were not made to run from here"
    _write(entry, "-1")
    return f"{other(host)} programs run no longer"


def _entries(binfmt: Path) -> Iterator[str]:
    for file in sorted(binfmt.glob("*")):
        if file.name not in ("register", "status"):
            yield file.read_text()


def _is_usable(entry: str, name: str) -> bool:
    flags = re.search(r"^flags: (\w*)$", entry, re.M)
    interpreter = re.search(rf"^interpreter .*{name}", entry, re.M)
    enabled = entry.startswith("enabled")
    return bool(enabled and interpreter and flags and set(flags[1]) >= NEEDED)


def _registration(file: Path, name: str) -> str:
    """Debian's own line for the architecture, under our name and with our flags."""
    try:
        line = file.read_text().strip()
    except OSError as error:
        raise ToolchainError(
            f"{file} cannot be read: {error.strerror}\n    it is of Debian's qemu-user-static"
        ) from None
    fields = line.split(":")
    return ":".join(["", ENTRY.format(name=name), *fields[2:-1], FLAGS])


def _mount(binfmt: Path) -> None:
    if (binfmt / "register").exists():
        return
    words = ["mount", "-t", "binfmt_misc", "binfmt_misc", str(binfmt)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    if done.returncode != 0:
        raise ToolchainError(
            f"binfmt_misc cannot be mounted: {done.stderr.strip()}\n"
            "    the kernel needs the module binfmt_misc: modprobe binfmt_misc"
        )


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text)
    except OSError as error:
        raise ToolchainError(f"{file}: {error.strerror}\n    run it as root") from None
