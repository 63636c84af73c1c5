"""Records of clusters that no configuration of this release describes, or that are quickly made."""

from __future__ import annotations

import dataclasses
from typing import Any

from cluster import config, record
from cluster.model import Cluster
from cluster.record import PoolRecord, Record
from tests.cluster import ec2

BASE: dict[str, Any] = {
    "name": "demo",
    "pools": [{"name": "agents", "count": 2}],
    "network": {
        "apiAllowedCidrs": ["203.0.113.0/24"],
        "sshAllowedCidrs": ["203.0.113.0/24"],
    },
}


def resolved(**keys: Any) -> Cluster:
    """A cluster of one server and two agents; below `network` only the given keys change."""
    network = {**BASE["network"], **keys.pop("network", {})}
    return ec2.resolve(config.load({**BASE, **keys, "network": network}, stack="dev"))


def recorded(*, count: int = 1, data_volume_gib: int | None = 10, **keys: Any) -> Record:
    """Its record, with as many servers, and with volumes for their data unless that is None."""
    made = record.of(resolved(**keys))
    first = dataclasses.replace(made.servers, count=count)
    made = dataclasses.replace(made, pools=(first, *made.pools[1:]))
    return with_data_volume(made, data_volume_gib)


def with_data_volume(made: Record, size_gib: int | None = 10) -> Record:
    """The record with data volumes of this size; without any, as an older release left them."""
    keys = {**made.servers.keys, "cluster.servers.dataVolumeGib": size_gib}
    servers = _with_keys(
        made.servers, {key: each for key, each in keys.items() if each is not None}
    )
    return dataclasses.replace(made, pools=(servers, *made.pools[1:]))


def _with_keys(pool: PoolRecord, keys: dict[str, Any]) -> PoolRecord:
    return dataclasses.replace(pool, keys=keys)
