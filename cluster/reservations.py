"""
What the kubelets of a pool keep from pods, compared with what its machines have.

The kubelet does not start where it is more: validateNodeAllocatable in
pkg/kubelet/cm/node_container_manager_linux.go of Kubernetes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from cluster import quantities
from cluster.aws_facts import InstanceType
from cluster.errors import Kind, Problem
from cluster.reading import component_arguments
from cluster.reading.component_arguments import Argument
from cluster.spec import ClusterSpec, PoolSpec

_KEY = "kubelet-arg"
_RESERVED = ("kube-reserved", "system-reserved")
_EVICTION = {"memory": "memory.available", "ephemeral-storage": "nodefs.available"}


def problems(spec: ClusterSpec, pool: PoolSpec, machine: InstanceType) -> Iterator[Problem]:
    """Each resource of which more is reserved than the machines of the pool have."""
    own = _KEY in pool.k3s
    value = pool.k3s.get(_KEY) if own else spec.k3s.keys_of(pool.role).get(_KEY)
    strings = value if isinstance(value, list) else [value or ""]
    arguments = [component_arguments.parse(_KEY, str(each)) for each in strings]
    # Memory is a little less to the kernel, and so is a file system than its volume.
    capacity = {
        "cpu": (Fraction(machine.vcpus), f"{machine.vcpus} vCPU"),
        "memory": (Fraction(machine.memory_mib) * 2**20, f"{machine.memory_mib} MiB"),
        "ephemeral-storage": (
            Fraction(pool.root_volume_gib) * 2**30,
            f"a root volume of {pool.root_volume_gib} GiB",
        ),
    }
    path = f"{pool.path}.k3s.{_KEY}" if own else f"cluster.k3s.{pool.role}.{_KEY}"
    for name, (most, described) in capacity.items():
        if reserved(arguments, name, most) > most:
            what = (
                f"reserves more {name} than the machines of {pool.path} have: "
                f'"{pool.instance_type}" with {described}'
            )
            fix = "reserve less: the sum of kube-reserved, system-reserved and eviction-hard"
            yield Problem(path, what, fix, Kind.CONFLICT)


def reserved(arguments: Sequence[Argument], resource: str, capacity: Fraction) -> Fraction:
    """How much of a resource the kubelet keeps from pods, of a machine that has so much."""
    if resource == "cpu" and _joined(arguments, "reserved-cpus"):
        # Counted in place of the others.
        return Fraction(0)
    found = [
        quantities.by_name(_joined(arguments, name)).get(resource, Fraction(0))
        for name in _RESERVED
    ]
    thresholds = (each.partition("<") for each in _joined(arguments, "eviction-hard").split(","))
    signals = {signal.strip(): value.strip() for signal, _, value in thresholds}
    return sum(found, _threshold(signals.get(_EVICTION.get(resource, ""), ""), capacity))


def _threshold(text: str, capacity: Fraction) -> Fraction:
    if text == "100%":
        # The kubelet takes it for none.
        return Fraction(0)
    share = quantities.parse(text.removesuffix("%")) or Fraction(0)
    return share * capacity / 100 if text.endswith("%") else share


def _joined(arguments: Sequence[Argument], name: str) -> str:
    """The value of a list, which may be in several arguments."""
    return ",".join(each.value or "" for each in arguments if each.name == name)
