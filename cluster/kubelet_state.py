"""
Changes that the kubelet of a machine that stays does not start with, for what it has on its disk.

It ends where cpu_manager_state or memory_manager_state below /var/lib/kubelet is of another policy,
and under a static one of other CPUs, or of other memory that is there or reserved: policy_static.go
and state/state_checkpoint.go in pkg/kubelet/cm/cpumanager and pkg/kubelet/cm/memorymanager of
Kubernetes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from cluster.errors import Kind, Problem
from cluster.model import Cluster, NodePool
from cluster.reading import component_arguments

if TYPE_CHECKING:
    from cluster.node_changes import Pair

_KEY = "kubelet-arg"
_MEMORY, _RESERVED = "memory-manager-policy", "reserved-memory"
POLICIES: Mapping[str, str] = {"cpu-manager-policy": "none", _MEMORY: "None"}
"""What the kubelet takes by itself."""


def policies(cluster: Cluster, pool: NodePool) -> dict[str, str]:
    """The policies of the kubelets of a pool, by their arguments, with the memory they reserve."""
    value = {**cluster.k3s.keys_of(pool.role), **pool.k3s}.get(_KEY, [])
    listed = value if isinstance(value, list) else [value]
    arguments = [component_arguments.parse(_KEY, str(each)) for each in listed]
    given = {each.name: each.value for each in arguments if each.name in POLICIES}
    found = {name: given.get(name) or default for name, default in POLICIES.items()}
    memory = ",".join(each.value or "" for each in arguments if each.name == _RESERVED)
    if memory and found[_MEMORY] != POLICIES[_MEMORY]:
        found[_MEMORY] += f" with {_RESERVED}={memory}"
    return found


def check(pairs: Sequence[Pair]) -> Iterator[Problem]:
    """Reports each pool whose machines would stay with a state that their kubelets refuse."""
    found = (each for pair in pairs if not pair.is_replaced for each in _check(pair))
    yield from dict.fromkeys(found)


def _check(pair: Pair) -> Iterator[Problem]:
    before, after = _recorded(pair), pair.after.pool.policies or POLICIES
    path = pair.after.path
    fix = f"raise {path}.image.generation too, so that other machines take their place"
    for name, old in before.items():
        if old != after[name]:
            what = (
                f"{name} changes from {old} to {after[name]}, and the kubelet of a machine that "
                "had the other one does not start"
            )
            yield Problem(_where(pair), what, fix, Kind.CONFLICT)
        elif old != POLICIES[name] and any(key.endswith(".instanceType") for key in pair.effects):
            what = f"must not change in place with {name}={old}, whose kubelet would not start"
            yield Problem(f"{path}.instanceType", what, fix, Kind.CONFLICT)


def _recorded(pair: Pair) -> Mapping[str, str]:
    """Those of the last update; an older release recorded them only where there were no keys."""
    pool = pair.before.pool
    if pool.policies is not None:
        return pool.policies
    return {} if pool.own("k3s") or f"cluster.k3s.{pool.role}" in pool.keys else POLICIES


def _where(pair: Pair) -> str:
    shared = f"cluster.k3s.{pair.after.pool.role}"
    own = pair.path("cluster.servers.k3s" if pair.is_server else "cluster.pools[].k3s")
    return shared if shared in pair.effects else own
