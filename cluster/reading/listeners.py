"""
Warns of keys of k3s that make a component listen on a port nobody can reach, or have no effect.

What the program opens for keys of k3s by itself is in cluster/network.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cluster.errors import Kind
from cluster.reading import component_table, ports, registry_hosts
from cluster.reading.faults import Fault
from cluster.reading.settings import Setting
from cluster.spec import ClusterSpec, Role

_OPEN = "open it between nodes with cluster.network.ingress, from: [nodes]"
_LOOPBACK = ("127.", "localhost", "[::1]", "::1")


def check(spec: ClusterSpec, settings: Sequence[Setting]) -> None:
    """Warns of each such key."""
    for setting in settings:
        for fault in _faults(setting, spec):
            setting.report(fault)


def _faults(setting: Setting, spec: ClusterSpec) -> Iterator[Fault]:
    if setting.name.startswith("etcd-") and not spec.has_etcd:
        what = "has no effect: the datastore of one server is SQLite, not etcd"
        yield Fault(what, "remove it", Kind.WARNING)
    elif setting.name == "service-node-port-range":
        found = ports.node_port_range(str(setting.value))
        if found and not _opened(spec, "agent", found) and not _opened(spec, "server", found):
            what = "no port of the range is open: NodePorts are reachable on their own node only"
            yield Fault(what, "open some of them with cluster.network.ingress", Kind.WARNING)
    elif setting.name == "embedded-registry" and setting.value is True:
        if not spec.k3s.registries.get("mirrors"):
            what = "has no effect without a registry below cluster.k3s.registries.mirrors"
            yield Fault(what, 'name the registries there, or write "*": {}', Kind.WARNING)
    elif setting.name == "enable-pprof" and setting.value is True:
        yield from _closed(spec, "agent", 6443, "k3s serves profiles")
    for each in setting.arguments:
        port = component_table.LISTEN.get(each.component, {}).get(each.name)
        address = each.value or ""
        if port is None or not address or address.startswith(_LOOPBACK):
            continue
        _, colon, given = address.rpartition(":")
        wanted = int(given) if colon and registry_hosts.is_port(given) else port
        yield from _closed(spec, setting.role, wanted, f"{each.component} listens")


def _closed(spec: ClusterSpec, role: Role, port: int, what: str) -> Iterator[Fault]:
    if spec.k3s.flannel_backend != "none" and not _opened(spec, role, (port, port)):
        fact = f"{what} on port {port}, which is closed to other machines"
        yield Fault(fact, _OPEN, Kind.WARNING)


def _opened(spec: ClusterSpec, role: Role, wanted: tuple[int, int]) -> bool:
    """Whether `network.ingress` opens one of the ports."""
    return any(
        role in each.roles and first <= wanted[1] and wanted[0] <= last
        for each in spec.network.ingress
        for first, last in each.ports
    )
