"""The bill of materials: what a cluster's machines and the program are made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cluster import bucket
from cluster.model import MACHINE_SCHEMA, Cluster
from cluster.version import VERSION


@dataclass(frozen=True, kw_only=True)
class Parts:
    """
    What only the running program knows.

    `boot_program` are its modules by path, as a machine gets them. `image_ids` are the images of
    the cluster's nodes, in their order, `image_names` their names in AWS: None for an image it no
    longer has. `tools` are versions by package.
    """

    project: str
    boot_program: Mapping[str, str]
    bucket: str | None
    image_ids: Sequence[str]
    image_names: Mapping[str, str | None]
    tools: Mapping[str, str | None]


def of(cluster: Cluster, parts: Parts) -> dict[str, Any]:
    """The `bom` output."""
    return {
        "program": {
            "name": parts.project,
            "version": VERSION,
            "machineSchema": MACHINE_SCHEMA,
            "bootProgramSha256": _sha256_of(parts.boot_program),
        },
        "k3s": _k3s(cluster, parts.bucket),
        "images": _images(cluster, parts),
        "tools": dict(parts.tools),
    }


def _sha256_of(modules: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(modules), sort_keys=True).encode()).hexdigest()


def _k3s(cluster: Cluster, bucket_name: str | None) -> dict[str, Any]:
    in_use = sorted(cluster.architectures)
    return {
        "version": cluster.k3s.version,
        "sha256": {each: cluster.k3s.sha256[each] for each in in_use},
        "source": {each: bucket.k3s_source(cluster, each, bucket_name) for each in in_use},
    }


def _images(cluster: Cluster, parts: Parts) -> list[dict[str, Any]]:
    """Each image once: machines of one pool may have been made from different ones."""
    pools: dict[tuple[str, str], dict[str, None]] = {}
    for node, image in zip(cluster.nodes, parts.image_ids, strict=True):
        pools.setdefault((image, node.architecture), {})[node.pool.name] = None
    return [
        {
            "id": image,
            "name": parts.image_names[image],
            "architecture": architecture,
            "pools": list(names),
        }
        for (image, architecture), names in pools.items()
    ]
