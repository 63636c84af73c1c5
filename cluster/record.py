"""
The record of a cluster: what the next update compares its own configuration with.

It is the stack output OUTPUT, so its names are part of the state format (docs/decisions/0014,
0028). It holds no secret, since nothing below `k3s-aws:cluster` is one. It is small: values are
those of a pool and not of each machine, and what is not a short scalar is a hash.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network
from typing import Any

from cluster import key_values, kubelet_state
from cluster.model import Cluster, NodePool, Subnet
from cluster.reading.keys import table
from cluster.spec import Role

OUTPUT = "clusterRecord"
SCHEMA = 1
LONGEST = 128
"""The longest string that is recorded as it is, in characters."""

Value = str | int | bool
Values = Mapping[str, Value]


@dataclass(frozen=True, kw_only=True)
class PlaceRecord:
    """A subnet: its zone, and its range, or its id where it exists already."""

    zone: str
    cidr: str | None = None
    id: str | None = None


@dataclass(frozen=True, kw_only=True)
class PoolRecord:
    """A pool, and the values of the keys that reach its machines and not all."""

    name: str
    role: Role
    count: int
    architecture: str
    keys: Values
    policies: Mapping[str, str] | None = None
    """Those of the kubelets (kubelet_state.py); None in the record of an older release."""

    def own(self, key: str) -> Value | None:
        """The value of a key of the pool itself, such as `rootVolumeGib`."""
        return self.keys.get(f"{'cluster.servers' if self.role == 'server' else _POOL}.{key}")


_POOL = "cluster.pools[]"


@dataclass(frozen=True, kw_only=True)
class Record:
    """
    A cluster. `node_keys` are the values of the keys that reach all its machines, `other_keys` of
    those that reach none, `generations` the number of each identity. The servers are the first
    pool.
    """

    account_id: str
    region: str
    vpc_id: str | None
    subnets: tuple[PlaceRecord, ...]
    node_keys: Values
    other_keys: Values
    generations: Mapping[str, int]
    pools: tuple[PoolRecord, ...]

    @property
    def name(self) -> str:
        return str(self.node_keys["cluster.name"])

    @property
    def servers(self) -> PoolRecord:
        return self.pools[0]

    @property
    def ssh_enabled(self) -> bool:
        return bool(self.node_keys.get("cluster.network.sshAllowedCidrs"))

    @property
    def data_loss_allowed(self) -> bool:
        return bool(self.other_keys.get("cluster.allowDataLoss"))

    def path(self, pool: PoolRecord) -> str:
        """Where the configuration describes the pool."""
        if pool.role == "server":
            return "cluster.servers"
        return f"cluster.pools[{self.pools.index(pool) - 1}]"

    def subnet_of(self, index: int) -> PlaceRecord:
        """The subnet of the machine with this index in its pool."""
        return self.subnets[index % len(self.subnets)]

    def values_of(self, pool: PoolRecord, index: int) -> dict[str, Value]:
        """What of the configuration reaches a machine, by key."""
        subnet, path = self.subnet_of(index), "cluster.network"
        if subnet.id is not None:
            place = {f"{path}.subnetIds": subnet.id}
        else:
            at = f"{index % len(self.subnets)} {subnet.zone} {subnet.cidr}"
            place = {f"{path}.availabilityZones": at}
        return {**self.node_keys, **pool.keys, **place}


def of(cluster: Cluster) -> Record:
    """The record of a resolved cluster."""
    return Record(
        account_id=cluster.account_id,
        region=cluster.region,
        vpc_id=cluster.vpc_id,
        subnets=tuple(map(_subnet, cluster.subnets)),
        node_keys=_values(key_values.of_every_node(cluster)),
        other_keys=_values(key_values.of_no_node(cluster)),
        generations={each.name: each.generation for each in cluster.identities},
        pools=tuple(_pool(cluster, pool) for pool in cluster.all_pools),
    )


def _subnet(subnet: Subnet) -> PlaceRecord:
    cidr = str(subnet.cidr) if subnet.cidr else None
    return PlaceRecord(zone=subnet.zone, cidr=cidr, id=subnet.id)


def _pool(cluster: Cluster, pool: NodePool) -> PoolRecord:
    return PoolRecord(
        name=pool.name,
        role=pool.role,
        count=pool.count,
        architecture=pool.architecture,
        keys=_values(key_values.of_pool(cluster, pool)),
        policies=kubelet_state.policies(cluster, pool),
    )


def changed(before: Values, after: Values) -> list[str]:
    """
    The keys whose values differ.

    A record of an older release does not have the keys of a later one, whose defaults are what
    there was before.
    """
    return [
        key
        for key in {**before, **after}
        if before.get(key, _default(key)) != after.get(key, _default(key))
    ]


@cache
def _default(key: str) -> Value | None:
    declared = table.declared().get(key)
    return None if declared is None else _value(declared.parse(declared.default))


def _values(found: Mapping[str, Any]) -> dict[str, Value]:
    recorded = {key: _value(each) for key, each in found.items()}
    return {key: each for key, each in recorded.items() if each is not None}


def _value(value: Any) -> Value | None:
    """The value itself if it is short, a hash if not; None of what is empty."""
    if isinstance(value, IPv4Network):
        value = str(value)
    if isinstance(value, bool | int):
        return value
    if not value:
        return None
    if isinstance(value, str) and len(value) <= LONGEST:
        return value
    text = json.dumps(_canonical(value), sort_keys=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _canonical(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        # What a later release adds counts only where it is not the default.
        return {
            each.name: _canonical(found)
            for each in dataclasses.fields(value)
            if (found := getattr(value, each.name)) != each.default
        }
    if isinstance(value, Mapping):
        return {str(key): _canonical(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(each) for each in value]
    return value if isinstance(value, str | int | float | None) else str(value)
