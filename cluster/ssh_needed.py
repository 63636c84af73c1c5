"""The rejection of a change that needs SSH while it is switched off."""

from __future__ import annotations

from collections.abc import Sequence

from cluster.errors import Kind, Problem


def problem(nodes: Sequence[str], properties: Sequence[str] = ()) -> Problem:
    """`nodes` are those that need it, `properties` what of them changes."""
    number = "" if len(nodes) == 1 else f"{len(nodes)} nodes, such as "
    changes = f" for {', '.join(properties)}" if properties else ""
    return Problem(
        "cluster.network.sshAllowedCidrs",
        f'is empty, and this change needs SSH to {number}"{nodes[0]}"{changes}',
        "allow the address of this run, run pulumi up, and empty the list again afterwards",
        Kind.SSH_DISABLED,
    )
