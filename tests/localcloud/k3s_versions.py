"""Further versions of the k3s stand-in, served by a local cloud."""

from __future__ import annotations

import hashlib
from pathlib import Path

from localcloud.__main__ import FURTHER_K3S

STANDIN = "v1.36.4+standin1"
# Prints its version, and ends as soon as it is to run.
BROKEN = """\
#!/bin/sh
[ "$1" = --version ] && echo "k3s version {version} (broken)" && exit
echo 'level=fatal msg="this k3s does not start"' >&2
exit 1
"""


def serve_standin(cloud: Path, standin: Path, version: str) -> str:
    """
    Serves the stand-in with another patch version in the place of its own; returns its SHA-256.

    Everything else of it is the same. A version of another length would move what follows it.
    """
    assert len(version) == len(STANDIN)
    content = standin.read_bytes()
    assert STANDIN.encode() in content
    return _serve(cloud, version, content.replace(STANDIN.encode(), version.encode()))


def serve_broken(cloud: Path, version: str) -> str:
    """Serves a k3s that does not start; returns its SHA-256."""
    return _serve(cloud, version, BROKEN.format(version=version).encode())


def _serve(cloud: Path, version: str, content: bytes) -> str:
    file = cloud / FURTHER_K3S / version / "k3s"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    return hashlib.sha256(content).hexdigest()
