"""
The configuration compared with the stack's last successful update, by the outputs of that.

A release without the record exported `nodes` and `bom`, which have a part of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cluster import data_loss, record, record_json, rejections, restore, root_volume
from cluster.changes import plan_changes
from cluster.errors import ChangeRejected, Kind, Problem
from cluster.model import Cluster
from cluster.record import Record
from cluster.record_json import UnreadableRecord
from cluster.spec import SERVERS


def compare(outputs: Mapping[str, Any], cluster: Cluster) -> tuple[Problem, ...]:
    """
    What is to be known about the update that leads to this cluster, as warnings.

    Raises ChangeRejected with everything that cannot be done.
    """
    content, after = outputs.get(record.OUTPUT), record.of(cluster)
    warnings: tuple[Problem, ...] = ()
    rejected: Sequence[Problem]
    if content is None:
        rejected = [*_compare_nodes(outputs, after), *_check_volume(outputs, after)]
    else:
        try:
            plan = plan_changes(record_json.parse(content), after)
            rejected, warnings = list(plan.rejections), plan.consequences
            if any(each.kind == Kind.DATA_LOSS for each in (*rejected, *warnings)):
                rejected += _check_restored(outputs, cluster)
        except UnreadableRecord as error:
            rejected, warnings = list(_compare_nodes(outputs, after)), (_unreadable(error),)
    if rejected:
        raise ChangeRejected(rejected)
    return warnings


def _check_restored(outputs: Mapping[str, Any], cluster: Cluster) -> Iterator[Problem]:
    """A snapshot of an earlier update would be restored once more, and is compared with nothing."""
    if cluster.restore_from and not restore.is_due(cluster, outputs):
        what = "is still set, so that another datastore would begin with this snapshot again"
        yield Problem(restore.KEY, what, "remove it, or name another snapshot", Kind.CONFLICT)


def _unreadable(error: UnreadableRecord) -> Problem:
    return Problem(
        f"output {record.OUTPUT}",
        f"cannot be read, so that little is compared with the last update: {error}",
        "use the release of the program that made the last update, or make sure yourself that "
        "nothing is lost; pulumi up writes it again",
        Kind.WARNING,
    )


def _compare_nodes(outputs: Mapping[str, Any], after: Record) -> Iterator[Problem]:
    """What the nodes of the last update and its bill of materials are enough for."""
    servers = _servers(outputs)
    if not servers:
        return
    yield from rejections.check_release(_k3s_version(outputs), after.node_keys[rejections.VERSION])
    yield from rejections.check_quorum(len(servers), after.servers.count)
    name = servers[0].get("name")
    kept = not isinstance(name, str) or name.startswith(f"{after.name}-{SERVERS}-")
    if not kept and not after.data_loss_allowed:
        yield data_loss.of_another_name(str(name), after.name)


def _check_volume(outputs: Mapping[str, Any], after: Record) -> Iterator[Problem]:
    """
    What would replace or convert a server whose data is not on a volume of its own yet.

    The rest of what replaces it is in no output; the provider rejects that (MachineTemplate).
    """
    servers = _servers(outputs)
    if not servers or after.data_loss_allowed:
        return
    architecture, wanted = servers[0].get("architecture"), after.servers.architecture
    if len(servers) != after.servers.count:
        what = f"changes from {len(servers)} to {after.servers.count}"
        yield root_volume.problem("cluster.servers.count", what)
    if isinstance(architecture, str) and architecture != wanted:
        what = f"changes the architecture from {architecture} to {wanted}"
        yield root_volume.problem("cluster.servers.instanceType", what)


def datastore_is_on_root_volume(outputs: Mapping[str, Any]) -> bool:
    """Whether the last update was by a release that had no volume for it, and no record."""
    return record.OUTPUT not in outputs and bool(_servers(outputs))


def _servers(outputs: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    nodes = outputs.get("nodes")
    found = nodes if isinstance(nodes, list) else []
    return [each for each in found if isinstance(each, Mapping) and each.get("pool") == SERVERS]


def _k3s_version(outputs: Mapping[str, Any]) -> str | None:
    bom = outputs.get("bom")
    k3s = bom.get("k3s") if isinstance(bom, Mapping) else None
    version = k3s.get("version") if isinstance(k3s, Mapping) else None
    return version if isinstance(version, str) else None
