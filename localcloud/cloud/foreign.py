"""
The k3s file for the architecture this host does not have.

Nothing is emulated here: an arm64 machine on an x86_64 host (or the other way round) runs this
host's code. What it downloads is a file of its own all the same, with a hash of its own, so a
machine that gets the wrong one of the two fails here as it would on AWS.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path

ASSETS = {"x86_64": "k3s", "arm64": "k3s-arm64"}
HERE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
OTHER = "x86_64" if HERE == "arm64" else "arm64"
# Behind the end of an ELF file nobody reads.
_MARK = f"\nstand-in of the local cloud for {ASSETS[OTHER]}: {HERE} code\n".encode()
NOTICE = f"{OTHER} machines run {HERE} code: that architecture is not emulated here"


def files(binary: Path, folder: Path) -> Mapping[str, Path]:
    """The file of each architecture; the one this host does not have is made in the folder."""
    made = folder / f"{ASSETS[OTHER]}-standin"
    shutil.copyfile(binary, made)
    with made.open("ab") as file:
        file.write(_MARK)
    return {HERE: binary, OTHER: made}


def sha256_of(found: Mapping[str, Path]) -> dict[str, str]:
    """The hash of each architecture's file."""
    hashes = {}
    for architecture, path in found.items():
        with path.open("rb") as file:
            hashes[architecture] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes
