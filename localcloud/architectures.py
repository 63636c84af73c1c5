"""
The k3s file and the machines of the architecture this host does not have.

Where the host runs that architecture's programs (toolchain/emulation.py) and a k3s for it is given,
they are real: its machines run its code. Else nothing is emulated, and an arm64 machine on an
x86_64 host (or the other way round) runs this host's code. What it downloads is a file of its own
all the same, with a hash of its own, so a machine that gets the wrong one of the two fails here as
it would on AWS.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path

from toolchain.host import Architecture

ASSETS: Mapping[Architecture, str] = {"x86_64": "k3s", "arm64": "k3s-arm64"}
HERE: Architecture = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
OTHER: Architecture = "x86_64" if HERE == "arm64" else "arm64"
MADE = f"{ASSETS[OTHER]}-standin"
# Behind the end of an ELF file nobody reads.
_MARK = f"\nstand-in of the local cloud for {ASSETS[OTHER]}: {HERE} code\n".encode()


def notice(*, emulated: bool) -> str:
    """The line about the other architecture in every report of the cloud."""
    if emulated:
        return f"{OTHER} machines run {OTHER} code, through qemu-user"
    return (
        f"{OTHER} machines run {HERE} code: that architecture is not emulated here (make emulation)"
    )


def files(binary: Path, folder: Path, emulated: Path | None) -> Mapping[Architecture, Path]:
    """The file of each architecture; the other one is `emulated`, or made in the folder."""
    if emulated is not None:
        return {HERE: binary, OTHER: emulated}
    made = folder / MADE
    shutil.copyfile(binary, made)
    with made.open("ab") as file:
        file.write(_MARK)
    return {HERE: binary, OTHER: made}


def sha256_of(found: Mapping[Architecture, Path]) -> dict[str, str]:
    """The hash of each architecture's file."""
    hashes: dict[str, str] = {}
    for architecture, path in found.items():
        with path.open("rb") as file:
            hashes[architecture] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes
