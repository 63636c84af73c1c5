"""
The backups of a cluster: the folder of its snapshots in their bucket, and the program that machines
receive from there (cloud-init/backup.py).
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from cluster.boot_program import compact
from cluster.machine_files import Backup
from cluster.spec import ClusterSpec

SOURCE = Path(__file__).parent.parent / "cloud-init" / "backup.py"
SNAPSHOTS = "snapshots"
"""The folder of the bucket that servers may write to."""
PROGRAMS = "programs"
"""The folder of the bucket that servers may read."""


@cache
def program() -> str:
    """The program of the backups, as machines receive it."""
    return compact(SOURCE.read_text())


def program_key() -> str:
    """Where the program lies."""
    return f"{PROGRAMS}/{_program_sha256()}/backup.py"


def configured(cluster: ClusterSpec, bucket: str | None) -> Backup | None:
    """The backups in the node configuration of servers; None where there are none."""
    if cluster.backup is None or bucket is None:
        return None
    return {
        "source": f"s3://{bucket}/{program_key()}",
        "sha256": _program_sha256(),
        "url": f"s3://{bucket}/{folder(cluster)}",
        "everyHours": cluster.backup.every_hours,
    }


def folder(cluster: ClusterSpec) -> str:
    """The folder of this cluster's snapshots, with a slash at its end."""
    return f"{SNAPSHOTS}/{cluster.name}/"


def _program_sha256() -> str:
    return hashlib.sha256(program().encode()).hexdigest()
