"""
The names of the clusters in one run of a program.

Each resource has hooks of its own in the engine, and each cluster parameters of its own in SSM.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import pulumi
from pulumi.runtime.settings import get_monitor

from cluster.model import Cluster


@dataclass
class Taken:
    """The names that one run has: of resources, and by account and region of clusters."""

    resources: set[str] = field(default_factory=set)
    clusters: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """The name of the resource, by account, region and name of its cluster."""


_in_program: WeakKeyDictionary[Any, Taken] = WeakKeyDictionary()
_in_run: ContextVar[Taken | None] = ContextVar("names of the clusters of a run", default=None)


def share(taken: Taken) -> None:
    """Where each construction has a connection of its own: the names of all of its run."""
    _in_run.set(taken)


def take(name: str) -> None:
    """Notes a resource of the run. Raises RunError where it has one of this name."""
    taken = _taken().resources
    if name in taken:
        # The engine would refuse the second one's hooks, with a stack trace.
        raise pulumi.RunError(
            f"the program has several clusters with the name {name}\n"
            "    give each a name of its own, below different parents too"
        )
    taken.add(name)


def take_cluster(name: str, cluster: Cluster) -> None:
    """Notes the cluster of a resource. Raises RunError where another one has its name in AWS."""
    own = (cluster.account_id, cluster.region, cluster.name)
    other = _taken().clusters.setdefault(own, name)
    if other != name:
        # SSM would refuse the parameters of the second one, in the middle of the update.
        raise pulumi.RunError(
            f"{name}: cluster.name: {other} of the program has a cluster with the name "
            f"{cluster.name} in {cluster.region} too\n"
            "    give each cluster a name of its own"
        )


def _taken() -> Taken:
    # Each run has a connection of its own: a process may run several programs.
    shared = _in_run.get()
    return shared if shared is not None else _in_program.setdefault(get_monitor(), Taken())
