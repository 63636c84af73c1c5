"""
What a change of the configuration does to each node: two resolved clusters compared.

The effect of each key is the one of its declaration (reading/keys/); components/ and provider/
follow it. Which nodes a key concerns is in key_values.py; where its effect depends on more than
the key is here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cluster import key_values
from cluster.effect import Effect
from cluster.errors import Kind, Problem
from cluster.k3s_flags import minor_of
from cluster.model import Cluster, Node
from cluster.reading.keys import table

EFFECTS: Mapping[str, Effect] = table.effects()


@dataclass(frozen=True, kw_only=True)
class NodeChange:
    """What happens to a node that stays, and the changed keys that concern it, causes first."""

    name: str
    """The name of its Pulumi resources after the change."""
    effect: Effect
    keys: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """
    Everything a change does.

    `created` and `deleted` are the names of nodes that are in one of the two clusters only; `keys`
    are all changed keys, also those that concern no node. `consequences` are allowed, `rejections`
    cannot be done.
    """

    created: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    nodes: tuple[NodeChange, ...] = ()
    keys: tuple[str, ...] = ()
    consequences: tuple[Problem, ...] = ()
    rejections: tuple[Problem, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """A node before and after the change."""

    before: Node
    after: Node
    changed: tuple[str, ...]

    def path(self, key: str) -> str:
        """The path of a key in the new configuration."""
        return key.replace("cluster.pools[]", self.after.pool.path)


def plan_changes(before: Cluster | None, after: Cluster) -> Plan:
    """The plan for a cluster that becomes another one; without one before, all nodes are new."""
    new = {node.suffix: node for node in after.nodes}
    if before is None:
        return Plan(created=tuple(node.logical_name for node in new.values()))
    old = {node.suffix: node for node in before.nodes}
    pairs = [_pair(before, old[each], after, new[each]) for each in new if each in old]
    nodes = _node_changes(before, after, pairs)
    keys = {
        **dict.fromkeys(_changed(key_values.of_no_node(before), key_values.of_no_node(after))),
        **dict.fromkeys(_changed_pools(before, after)),
        **dict.fromkeys(pair.path(key) for pair in pairs for key in pair.changed),
    }
    effects = {node.name: node.effect for node in nodes}
    return Plan(
        created=tuple(node.logical_name for suffix, node in new.items() if suffix not in old),
        deleted=tuple(node.logical_name for suffix, node in old.items() if suffix not in new),
        nodes=nodes,
        keys=tuple(keys),
        consequences=tuple(_consequences(pairs, nodes)),
        rejections=tuple(_rejections(before, after, pairs, effects)),
    )


def _pair(before: Cluster, old: Node, after: Cluster, new: Node) -> _Pair:
    changed = _changed(key_values.of_node(before, old), key_values.of_node(after, new))
    same_zone = old.subnet == new.subnet and (
        before.subnets[old.subnet].zone == after.subnets[new.subnet].zone
    )
    if same_zone and "cluster.network.vpcCidr" in changed:
        # The ranges of the subnets follow from the VPC's.
        changed = [key for key in changed if key != "cluster.network.availabilityZones"]
    return _Pair(before=old, after=new, changed=tuple(changed))


def _node_changes(
    before: Cluster, after: Cluster, pairs: Sequence[_Pair]
) -> tuple[NodeChange, ...]:
    found = []
    replacing: tuple[str, ...] = ()
    for pair in pairs:
        effects = {key: _effect(key, pair, before, after) for key in pair.changed}
        keys = [pair.path(key) for key in sorted(effects, key=lambda key: -effects[key])]
        effect = max(effects.values(), default=Effect.NONE)
        if pair.after.role == "server" and effect == Effect.REPLACE:
            replacing = tuple(key for key, each in effects.items() if each == Effect.REPLACE)
        elif replacing:
            # It joins the new server: its k3s starts again.
            effect = max(effect, Effect.IN_PLACE)
            keys += [key for key in replacing if key not in keys]
        found.append(NodeChange(name=pair.after.logical_name, effect=effect, keys=tuple(keys)))
    return tuple(found)


def _effect(key: str, pair: _Pair, before: Cluster, after: Cluster) -> Effect:
    """The declared effect, but for what depends on more than the key."""
    declared = EFFECTS[key]
    if key.endswith(".instanceType"):
        old, new = pair.before.pool, pair.after.pool
        # A spot instance cannot be stopped, so it cannot become another type either.
        moves = old.architecture != new.architecture or old.spot or new.spot
        return Effect.REPLACE if moves else declared
    if key == "cluster.network.sshAllowedCidrs":
        # With SSH again, what changed since is applied.
        enabled = after.network.ssh_enabled and not before.network.ssh_enabled
        return Effect.IN_PLACE if enabled else declared
    return declared


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [key for key in {**before, **after} if before.get(key) != after.get(key)]


def _changed_pools(before: Cluster, after: Cluster) -> Iterator[str]:
    """The keys of pools that are about the pool as a whole."""
    old = {pool.name: pool for pool in before.all_pools}
    for pool in after.all_pools:
        if pool.name not in old:
            yield f"{pool.path}.name"
            continue
        if pool.count != old[pool.name].count:
            yield f"{pool.path}.count"
        if pool.max_unavailable != old[pool.name].max_unavailable:
            yield f"{pool.path}.maxUnavailable"


def _consequences(pairs: Sequence[_Pair], nodes: Sequence[NodeChange]) -> Iterator[Problem]:
    for pair, node in zip(pairs, nodes, strict=True):
        if pair.after.role == "server" and node.effect == Effect.REPLACE:
            yield Problem(
                node.keys[0],
                f'replaces "{node.name}", whose root volume has the datastore',
                "export what you need before: the cluster starts empty",
                Kind.DATA_LOSS,
            )


def _rejections(
    before: Cluster, after: Cluster, pairs: Sequence[_Pair], effects: Mapping[str, Effect]
) -> Iterator[Problem]:
    kept = [pair for pair in pairs if effects[pair.after.logical_name] != Effect.REPLACE]
    if any(pair.after.role == "server" for pair in kept):
        yield from _check_release(before.k3s.version, after.k3s.version)
    shrunk = dict.fromkeys(
        (pair.after.pool.path, pair.before.pool.root_volume_gib, pair.after.pool.root_volume_gib)
        for pair in kept
        if pair.after.pool.root_volume_gib < pair.before.pool.root_volume_gib
    )
    for path, old, new in shrunk:
        what = f"must be at least {old}, the size of the volume, found {new}"
        fix = f"set it to {old} or more; EC2 cannot shrink a volume"
        yield Problem(f"{path}.rootVolumeGib", what, fix, Kind.SHRUNK_VOLUME)
    changing = [name for name, effect in effects.items() if Effect.NONE < effect < Effect.REPLACE]
    if changing and not after.network.ssh_enabled:
        yield Problem(
            "cluster.network.sshAllowedCidrs",
            f"is empty, and this change needs SSH to {len(changing)} nodes, such as {changing[0]}",
            "allow the address of this run, and empty the list again afterwards",
            Kind.SSH_DISABLED,
        )


def _check_release(old: str, new: str) -> Iterator[Problem]:
    before, after = _numbers(old), _numbers(new)
    path = "cluster.k3s.version"
    if after < before:
        what = f'must not be older than "{old}", which wrote the datastore, found "{new}"'
        yield Problem(path, what, "keep the version, or choose a newer one", Kind.DOWNGRADE)
    elif after[0] > before[0] or after[1] > before[1] + 1:
        what = f'"{new}" is more than one minor version after "{old}"'
        fix = f"upgrade one minor version at a time, first to the one after {minor_of(old)}"
        yield Problem(path, what, fix, Kind.SKIPPED_MINOR)


def _numbers(version: str) -> tuple[int, ...]:
    """Major, minor and patch version."""
    return tuple(int(each) for each in re.findall(r"\d+", version)[:3])
