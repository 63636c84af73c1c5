"""
The stack's bucket: what machines fetch from it, by the hash of its content.

There is one where k3s is to come from it, where manifests are too big for user data, and where the
data is restored from a snapshot.
"""

from __future__ import annotations

import gzip

from cluster import releases
from cluster.spec import Architecture, ClusterSpec, Manifest, Role
from cluster.stored_programs import PROGRAMS

# The boot program of a server takes 14 KB of the 16 that user data may have, node.json 1.
INLINE_BYTES = 640


def needed(cluster: ClusterSpec) -> bool:
    """Whether the stack has a bucket at all."""
    return cluster.k3s.from_bucket or bool(stored_manifests(cluster) or cluster.restore_from)


def readable(cluster: ClusterSpec, role: Role) -> tuple[str, ...]:
    """The folders that a machine of the role may read."""
    if role == "agent":
        return ("k3s",)
    return ("k3s", "manifests", *((PROGRAMS,) if cluster.restore_from else ()))


def k3s_key(cluster: ClusterSpec, architecture: Architecture) -> str:
    """Where the k3s of an architecture lies."""
    return f"k3s/{cluster.k3s.sha256[architecture]}/{releases.ASSETS[architecture]}"


def k3s_source(cluster: ClusterSpec, architecture: Architecture, bucket_name: str | None) -> str:
    """Where machines of an architecture fetch k3s."""
    if cluster.k3s.from_bucket and bucket_name:
        return url(bucket_name, k3s_key(cluster, architecture))
    return releases.binary_url(cluster.k3s.download_url, cluster.k3s.version, architecture)


def manifest_key(manifest: Manifest) -> str:
    """Where a manifest lies."""
    return f"manifests/{manifest.sha256}/{manifest.name}"


def url(bucket: str, key: str) -> str:
    """The source as the boot program understands it."""
    return f"s3://{bucket}/{key}"


def stored_manifests(cluster: ClusterSpec) -> tuple[Manifest, ...]:
    """The manifests that do not fit into user data: the largest, until the rest does."""
    left = sorted(cluster.manifests, key=lambda each: (packed_bytes([each]), each.name))
    while left and packed_bytes(left) > INLINE_BYTES:
        left.pop()
    return tuple(each for each in cluster.manifests if each not in left)


def packed_bytes(manifests: list[Manifest]) -> int:
    """What the manifests take of user data, which is compressed as a whole."""
    text = "".join(each.content for each in manifests)
    return len(gzip.compress(text.encode(), compresslevel=9, mtime=0))
