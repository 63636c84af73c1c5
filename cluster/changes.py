"""What a change of the configuration does to a running cluster: two records compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cluster import data_loss, kubelet_state, node_changes, rejections, subnet_changes
from cluster.errors import Kind, Problem
from cluster.node_changes import NodeChange, Pair
from cluster.record import Record, changed


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


def plan_changes(before: Record | None, after: Record) -> Plan:
    """The plan for a cluster that becomes another one; without one before, all nodes are new."""
    new = node_changes.machines(after)
    if before is None:
        return Plan(created=tuple(each.name for each in new.values()))
    old = node_changes.machines(before)
    pairs = node_changes.pairs(before, after)
    keys = {
        **dict.fromkeys(changed(before.other_keys, after.other_keys)),
        **dict.fromkeys(node_changes.changed_pools(before, after)),
        **dict.fromkeys(pair.path(key) for pair in pairs for key in pair.effects),
    }
    losses = data_loss.losses(before, after, pairs)
    allowed = after.data_loss_allowed
    return Plan(
        created=tuple(each.name for suffix, each in new.items() if suffix not in old),
        deleted=tuple(each.name for suffix, each in old.items() if suffix not in new),
        nodes=tuple(pair.change for pair in pairs),
        keys=tuple(keys),
        consequences=tuple(_consequences(before, after, pairs, losses)),
        rejections=(
            *(() if allowed else losses),
            *(() if allowed and losses else _rejections_of_data(before, after, pairs)),
            *data_loss.unrestorable(before, after, pairs),
            *subnet_changes.rejections(before, after),
            *rejections.check_root_volumes(pairs),
            *rejections.check_numbers(before, after, pairs),
            *kubelet_state.check(pairs),
            *rejections.check_ssh(after, pairs),
        ),
    )


def _consequences(
    before: Record, after: Record, pairs: Sequence[Pair], losses: Sequence[Problem]
) -> Iterator[Problem]:
    if after.data_loss_allowed:
        yield from map(data_loss.as_warning, losses)
    key = "cluster.k3s.flannelBackend"
    if any(key in pair.effects for pair in pairs):
        yield Problem(
            key,
            "replaces every machine, and pods of old and of new ones do not reach each other",
            "expect it until the last machine is replaced",
            Kind.WARNING,
        )
    yield from subnet_changes.consequences(before, after, pairs)
    if after.data_loss_allowed and not losses:
        what = "is true, and this update loses no data"
        yield Problem("cluster.allowDataLoss", what, "remove it", Kind.WARNING)


def _rejections_of_data(before: Record, after: Record, pairs: Sequence[Pair]) -> Iterator[Problem]:
    """What cannot be done with the data that is there."""
    yield from data_loss.unjoinable(before, after, pairs)
    yield from rejections.check_quorum(before.servers.count, after.servers.count)
    old, new = (each.node_keys.get(rejections.VERSION) for each in (before, after))
    yield from rejections.check_release(old, new)
    yield from rejections.check_data_volumes(pairs)
    yield from rejections.check_rotation(before, after, pairs)
    yield from rejections.check_upgrade(before, after, pairs)
    yield from rejections.check_shared(before, pairs)
