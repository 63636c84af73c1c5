"""
What a change of the configuration does to each node: two records of clusters compared.

The effect of each key is the one of its declaration (reading/keys/); components/ and provider/
follow it. Which nodes a key concerns is in key_values.py; where its effect depends on more than
the key is here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cluster import record
from cluster.effect import Effect
from cluster.reading.keys import table
from cluster.record import PlaceRecord, PoolRecord, Record

EFFECTS: Mapping[str, Effect] = table.effects()

OF_THE_DATASTORE = (
    "cluster.network.clusterCidr",
    "cluster.network.serviceCidr",
    "cluster.k3s.secretsEncryption",
    "cluster.restoreFrom",
)
"""The keys whose values are fixed in the datastore when it is created."""

_OF_THE_ADDRESS = tuple(
    f"cluster.network.{e}" for e in ("vpcCidr", "availabilityZones", "subnetIds")
)
# What of a replaced server its agents notice: other data, or another address.
_JOINED_AGAIN = ("cluster.name", *OF_THE_DATASTORE, *_OF_THE_ADDRESS)


@dataclass(frozen=True, kw_only=True)
class NodeChange:
    """What happens to a node that stays, and the changed keys that concern it, causes first."""

    name: str
    """The name of its Pulumi resources after the change."""
    effect: Effect
    keys: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One machine of a recorded cluster."""

    cluster: Record
    pool: PoolRecord
    index: int

    @property
    def name(self) -> str:
        """The name of its Pulumi resources."""
        return f"{self.cluster.name}-{self.pool.name}-{self.index}"

    @property
    def subnet(self) -> PlaceRecord:
        return self.cluster.subnet_of(self.index)

    @property
    def path(self) -> str:
        """Where the configuration describes its pool."""
        return self.cluster.path(self.pool)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A machine before and after the change, and what happens to it by changed key."""

    before: Machine
    after: Machine
    effects: Mapping[str, Effect]
    change: NodeChange

    @property
    def is_server(self) -> bool:
        return self.after.pool.role == "server"

    @property
    def is_replaced(self) -> bool:
        return self.change.effect == Effect.REPLACE

    def path(self, key: str) -> str:
        """The path of a declared key in the new configuration."""
        return in_pool(key, self.after.path)


def machines(cluster: Record) -> dict[str, Machine]:
    """Every machine, by what follows the cluster's name in its own."""
    return {
        f"{pool.name}-{index}": Machine(cluster=cluster, pool=pool, index=index)
        for pool in cluster.pools
        for index in range(pool.count)
    }


def pairs(before: Record, after: Record) -> tuple[Pair, ...]:
    """The machines that are in both, the servers first."""
    old, found = machines(before), list[Pair]()
    joined_again: dict[str, None] = {}
    for suffix, machine in machines(after).items():
        if suffix not in old:
            continue
        pair = _pair(old[suffix], machine, tuple(joined_again))
        joined_again |= dict.fromkeys(_joined_again(pair) if pair.is_server else ())
        found.append(pair)
    return tuple(found)


def _pair(before: Machine, after: Machine, joined_again: Sequence[str]) -> Pair:
    """`joined_again` are the keys for which an agent joins its servers again."""
    effects = {key: _effect(key, before, after) for key in _changed(before, after)}
    change = _change(after, effects, joined_again if after.pool.role == "agent" else ())
    return Pair(before=before, after=after, effects=effects, change=change)


def _joined_again(server: Pair) -> Iterator[str]:
    """The keys for which agents join a replaced server again."""
    follows = server.before.pool.own("dataVolumeGib") is not None
    for key, effect in server.effects.items():
        if effect == Effect.REPLACE and (key in _JOINED_AGAIN or not follows):
            yield key


def _changed(before: Machine, after: Machine) -> list[str]:
    keys = record.changed(
        before.cluster.values_of(before.pool, before.index),
        after.cluster.values_of(after.pool, after.index),
    )
    places = (before.index % len(before.cluster.subnets), after.index % len(after.cluster.subnets))
    same_zone = places[0] == places[1] and before.subnet.zone == after.subnet.zone
    if same_zone and "cluster.network.vpcCidr" in keys:
        # The ranges of the subnets follow from the VPC's.
        keys = [key for key in keys if key != "cluster.network.availabilityZones"]
    return keys


def _change(
    machine: Machine, effects: Mapping[str, Effect], joined_again: Sequence[str]
) -> NodeChange:
    path = machine.path
    keys = [in_pool(key, path) for key in sorted(effects, key=lambda key: -effects[key])]
    effect = max(effects.values(), default=Effect.NONE)
    if joined_again:
        # Its k3s starts again.
        effect = max(effect, Effect.IN_PLACE)
        keys += [key for key in joined_again if key not in keys]
    return NodeChange(name=machine.name, effect=effect, keys=tuple(keys))


def in_pool(key: str, path: str) -> str:
    """The path of a key in the configuration, where `path` is the one of the pool."""
    return key.replace("cluster.pools[]", path)


def _effect(key: str, before: Machine, after: Machine) -> Effect:
    """The declared effect, but for what depends on more than the key."""
    # A record of another release may have other keys.
    declared = EFFECTS.get(key, Effect.NONE)
    old, new = before.pool, after.pool
    if key.endswith(".instanceType"):
        # A spot instance cannot be stopped, so it cannot become another type either.
        spot = bool(old.own("spot")) or bool(new.own("spot"))
        return Effect.REPLACE if spot or old.architecture != new.architecture else declared
    if key == "cluster.network.sshAllowedCidrs":
        # With SSH again, what changed since is applied.
        enabled = after.cluster.ssh_enabled and not before.cluster.ssh_enabled
        return Effect.IN_PLACE if enabled else declared
    return declared


def changed_pools(before: Record, after: Record) -> Iterator[str]:
    """The keys of pools that are about the number of machines."""
    old = {pool.name: pool for pool in before.pools}
    for pool in after.pools:
        if pool.name not in old:
            yield f"{after.path(pool)}.name"
        elif pool.count != old[pool.name].count:
            yield f"{after.path(pool)}.count"
