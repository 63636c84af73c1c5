"""
The backups of a cluster: the folder of its snapshots in their bucket, and the program that machines
receive from there (cloud-init/backup.py).
"""

from __future__ import annotations

from cluster.machine_files import Backup
from cluster.spec import ClusterSpec
from cluster.stored_programs import BACKUP

SNAPSHOTS = "snapshots"
"""The folder of the bucket that servers may write to."""


def configured(cluster: ClusterSpec, bucket: str | None) -> Backup | None:
    """The backups in the node configuration of servers; None where there are none."""
    if cluster.backup is None or bucket is None:
        return None
    return {
        "source": f"s3://{bucket}/{BACKUP.key}",
        "sha256": BACKUP.sha256,
        "url": f"s3://{bucket}/{folder(cluster)}",
        "everyHours": cluster.backup.every_hours,
    }


def folder(cluster: ClusterSpec) -> str:
    """The folder of this cluster's snapshots, with a slash at its end."""
    return f"{SNAPSHOTS}/{cluster.name}/"
