"""
Which changes lose the datastore, and which ones servers that hold it together cannot make.

One server has its datastore on a volume that follows it to the next machine, but for another zone.
Several servers are replaced one by one, and each new one joins the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from cluster.errors import Kind, Problem
from cluster.node_changes import OF_THE_DATASTORE, Pair
from cluster.record import Record, Value

_RESTORE = "cluster.restoreFrom"
# https://docs.k3s.io/cli/server#critical-configuration-values
_THE_SAME_ON_ALL_SERVERS = (
    *(key for key in OF_THE_DATASTORE if key != _RESTORE),
    "cluster.k3s.flannelBackend",
)

WAY = (
    "take the change back; or back up what has to stay, set cluster.allowDataLoss to true for this "
    "update, and remove it afterwards"
)
_ALLOWED = "back up first what has to stay, and remove cluster.allowDataLoss afterwards"
_ANOTHER_CLUSTER = "take the change back; or move what runs to a cluster in another stack"

_NEW_CLUSTER = (
    "create another stack from the snapshot; or, once pulumi up has set "
    "cluster.backup.keepAfterDestroy, destroy the cluster and create it again"
)


def losses(before: Record, after: Record, pairs: Sequence[Pair]) -> tuple[Problem, ...]:
    """Every change that loses the data, whether it is allowed or not."""
    if moved := tuple(_moved(before, after)):
        return moved
    if before.servers.count > 1:
        return ()
    first = next(pair for pair in pairs if pair.is_server)
    if found := (*_of_values(before, after, first), *_of_zone(first)):
        return found
    if first.is_replaced and before.servers.own("dataVolumeGib") is None:
        what = f'replaces "{first.change.name}", whose root volume has the datastore'
        return (_loss(first.change.keys[0], f"{what}: all Kubernetes objects would be lost"),)
    return ()


def as_warning(loss: Problem) -> Problem:
    """The loss where it is allowed."""
    return replace(loss, fix=_ALLOWED)


def _of_values(before: Record, after: Record, server: Pair) -> Iterator[Problem]:
    for key in filter(server.effects.__contains__, OF_THE_DATASTORE):
        if key == _RESTORE:
            what = "replaces the datastore by the one of the snapshot"
            yield _loss(key, f"{what}: all that was written since would be lost")
            continue
        what = f"{_difference(before, after, key)}, and is fixed in the datastore"
        yield _loss(key, f"{what}: all Kubernetes objects of the cluster would be lost")


def _of_zone(server: Pair) -> Iterator[Problem]:
    old, new = server.before.subnet, server.after.subnet
    if old.zone != new.zone:
        key = "cluster.network.availabilityZones" if new.id is None else "cluster.network.subnetIds"
        what = f'moves "{server.change.name}" from {old.zone} to {new.zone}, where its data volume'
        yield _loss(key, f"{what} cannot follow: all Kubernetes objects would be lost")


def _moved(before: Record, after: Record) -> Iterator[Problem]:
    """What makes another cluster, and deletes the one that is."""
    for path, old, new in (
        ("cluster.name", before.name, after.name),
        ("aws:region", before.region, after.region),
        ("the AWS account", before.account_id, after.account_id),
    ):
        if old != new:
            yield _of_another(path, f'was "{old}" and is now "{new}"')


def of_another_name(node: str, name: str) -> Problem:
    """The loss that another name of the cluster is, where a server is called `node`."""
    return _of_another("cluster.name", f'"{name}" is not the name that "{node}" begins with')


def _of_another(path: str, what: str) -> Problem:
    return _loss(path, f"{what}: everything would be created again, and the datastore lost")


def unjoinable(before: Record, after: Record, pairs: Sequence[Pair]) -> Iterator[Problem]:
    """What several servers cannot change, since a replaced one could not join the others."""
    changed = {key for pair in pairs if pair.is_server for key in pair.effects}
    if before.servers.count == 1 or after.servers.count == 1:
        return
    for key in filter(changed.__contains__, _THE_SAME_ON_ALL_SERVERS):
        what = f"{_difference(before, after, key)}, which several servers cannot"
        yield Problem(
            key,
            f"{what} change: each is replaced on its own, and k3s lets none join whose value is "
            "another one than that of the others",
            _ANOTHER_CLUSTER,
            Kind.QUORUM,
        )
    if before.vpc_id != after.vpc_id or "cluster.network.vpcCidr" in changed:
        yield Problem(
            "cluster.network.vpcCidr" if after.vpc_id is None else "cluster.network.subnetIds",
            "moves the servers to another VPC, from where a replaced one cannot join the others",
            _ANOTHER_CLUSTER,
            Kind.QUORUM,
        )


def unrestorable(before: Record, after: Record, pairs: Sequence[Pair]) -> Iterator[Problem]:
    """A snapshot that several servers cannot take over, since each is replaced on its own."""
    changed = any(_RESTORE in pair.effects for pair in pairs if pair.is_server)
    if changed and max(before.servers.count, after.servers.count) > 1:
        what = "cannot become the data of a running cluster that has several servers, or gets them"
        yield Problem(_RESTORE, what, _NEW_CLUSTER, Kind.QUORUM)


def _loss(path: str, what: str) -> Problem:
    return Problem(path, what, WAY, Kind.DATA_LOSS)


def _difference(before: Record, after: Record, key: str) -> str:
    old, new = (each.values_of(each.servers, 0).get(key) for each in (before, after))
    return f"changes from {_quoted(old)} to {_quoted(new)}"


def _quoted(value: Value | None) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'
