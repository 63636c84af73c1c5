"""Further versions of the k3s stand-in, served by a local cloud."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

from localcloud.__main__ import FURTHER_K3S
from localcloud.errors import LocalCloudError

# Prints its version, and ends as soon as it is to run.
BROKEN = """\
#!/bin/sh
[ "$1" = --version ] && echo "k3s version {version} (broken)" && exit
echo 'level=fatal msg="this k3s does not start"' >&2
exit 1
"""


def later(version: str, patches: int) -> str:
    """The version so many patches later: `v1.36.5+standin1` of `v1.36.4+standin1`, one later."""
    return re.sub(r"(?<=\.)\d+(?=\+)", lambda found: str(int(found[0]) + patches), version)


def serve_standin(cloud: Path, standin: Path, own: str, version: str) -> str:
    """
    Serves the stand-in with another patch version in the place of its own; returns its SHA-256.

    Everything else of it is the same. Raises LocalCloudError for a version of another length, which
    would move what follows it, and for a binary that does not contain its own.
    """
    content = standin.read_bytes()
    if len(version) != len(own) or own.encode() not in content:
        raise LocalCloudError(f"{standin} is not a stand-in that {version} can replace {own} in")
    return _serve(cloud, version, content.replace(own.encode(), version.encode()))


def serve_broken(cloud: Path, version: str) -> str:
    """Serves a k3s that does not start; returns its SHA-256."""
    return _serve(cloud, version, BROKEN.format(version=version).encode())


def forget(cloud: Path) -> None:
    """Removes all further versions; a local cloud does not when it stops."""
    shutil.rmtree(cloud / FURTHER_K3S, ignore_errors=True)


def _serve(cloud: Path, version: str, content: bytes) -> str:
    file = cloud / FURTHER_K3S / version / "k3s"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return hashlib.sha256(content).hexdigest()
