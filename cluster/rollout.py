"""
The order in which the existing machines of a cluster are changed or replaced.

Servers come first, one by one; then each pool of agents, at most `max_unavailable` at a time.
Machines that do not exist yet have no order: they all boot at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def predecessor(index: int, max_unavailable: int) -> tuple[int, ...]:
    """
    The index of the machine in the same pool that has to be Ready before this one is changed.

    Each comes after the one `max_unavailable` places before it, so that this many sequences run
    side by side. The first ones of a pool have no predecessor.
    """
    return () if index < max_unavailable else (index - max_unavailable,)


def limit(max_unavailable: int | str, count: int) -> int:
    """
    How many of `count` machines may be changed at a time; `max_unavailable` is a number or "25%".

    A percentage is rounded down and is at least one machine, as in a Deployment of Kubernetes:
    https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#max-unavailable
    """
    if isinstance(max_unavailable, int):
        return max_unavailable
    return max(1, count * int(max_unavailable.removesuffix("%")) // 100)


def existing_machines(nodes: Iterable[Mapping[str, Any]] | None) -> dict[str, int]:
    """How many machines of each pool exist, by the stack output `nodes` of the last update."""
    counts: dict[str, int] = {}
    for node in nodes or ():
        counts[node["pool"]] = counts.get(node["pool"], 0) + 1
    return counts
