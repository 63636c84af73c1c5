"""Existing machines are changed in the order of cluster/rollout.py, new ones all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from cluster import rollout
from components import plugin


def existing_machines(outputs: Mapping[str, Any]) -> pulumi.Output[dict[str, int]]:
    """
    How many machines of each pool the last update left, by its outputs.

    None in a preview, which changes nothing, so that nothing has to come after something else.
    """
    found = {} if pulumi.runtime.is_dry_run() else rollout.existing_machines(outputs.get("nodes"))
    return pulumi.Output.from_input(found)


@dataclass(frozen=True, kw_only=True)
class Turn:
    """
    When the next machine of a pool may be changed or replaced.

    `existing` is the number of machines the last update left in the pool, `pool` the nodes of those
    in front of this one. `control_plane` are the nodes that agents come after: new ones too where
    there are `existing_servers`, since they would join servers that are older than themselves. A
    new machine comes after all that exist where `joins` is set: k3s lets no server join others that
    do not have its settings yet.
    """

    existing: pulumi.Output[int]
    max_unavailable: int
    pool: Sequence[plugin.Node]
    control_plane: Sequence[plugin.Node] = ()
    existing_servers: pulumi.Output[int] | None = None
    joins: bool = False

    def then(self, dependencies: Sequence[pulumi.Resource]) -> pulumi.Output[list[pulumi.Resource]]:
        """
        `depends_on` of the machine: these dependencies, once it is the machine's turn.

        The turn is no dependency itself. In state it would hold for creating and destroying too,
        and `pulumi destroy` would end the machines of a pool one after the other. The engine gets
        the registration when the turn has come, so none of its workers waits.
        """
        return pulumi.Output(set(), asyncio.ensure_future(self._wait(dependencies)), _known())

    async def _wait(self, dependencies: Sequence[pulumi.Resource]) -> list[pulumi.Resource]:
        existing = await self.existing.future() or 0
        servers = await self.existing_servers.future() if self.existing_servers is not None else 0
        index, before = len(self.pool), list[plugin.Node]()
        if index < existing or servers:
            before.extend(self.control_plane)
        if index < existing:
            previous = rollout.predecessor(index, self.max_unavailable)
            before.extend(self.pool[each] for each in previous)
        elif self.joins:
            before.extend(self.pool[:existing])
        for node in before:
            await node.urn.future()
        return list(dependencies)


def after_change(
    existing: pulumi.Output[int], node: plugin.Node
) -> pulumi.Output[list[pulumi.Resource]]:
    """
    `depends_on` of what comes after a machine, and in a pool without `existing` ones at once.

    It is empty: as in Turn, the order is no dependency in state.
    """

    async def wait() -> list[pulumi.Resource]:
        if await existing.future():
            await node.urn.future()
        return []

    return pulumi.Output(set(), asyncio.ensure_future(wait()), _known())


async def _known() -> bool:
    return True
