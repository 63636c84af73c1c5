"""What the last successful update registered for a cluster, as the stack's state has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pulumi
from pulumi.runtime.sync_await import _sync_await

from cluster import untrusted_text
from components.lookups import LONGEST_ERROR, LookupFailed

TYPE = "k3s:aws:K3sCluster"


def read(name: str, opts: pulumi.ResourceOptions | None = None) -> Mapping[str, Any]:
    """
    The outputs in state of the cluster with this resource name; none before its first update.

    Where there is none, of one with the name of an alias. In a preview too. Raises LookupFailed
    where the state cannot be read or has several, and where an alias is not known yet.
    """
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    resources = _resources(stack)
    found = (_named(each, resources) for each in dict.fromkeys([name, *_aliases(name, opts)]))
    return next((each for each in found if each is not None), {})


def _named(name: str, resources: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found = [
        each.get("outputs") or {}
        for urn, each in resources.items()
        if each.get("type") == TYPE and _name_in(urn) == name
    ]
    # Such as one below its old parent, after an update that created the other and failed.
    if len(found) > 1:
        raise LookupFailed(
            f"the stack has {len(found)} clusters with the name {name}, below different parents\n"
            "    give each a name of its own"
        )
    return found[0] if found else None


def _name_in(urn: str) -> str:
    return urn.rsplit("::", 1)[-1]


def _aliases(name: str, opts: pulumi.ResourceOptions | None) -> Iterator[str]:
    """The names that the options say the cluster had before."""
    for each in opts.aliases or () if opts else ():
        alias = _sync_await(pulumi.Output.from_input(each).future())
        if isinstance(alias, str):
            yield _name_in(alias)
        elif isinstance(alias, pulumi.Alias):
            # Without a name of its own it is the old place of one with the same name.
            yield alias.name if isinstance(alias.name, str) else name
        else:
            raise LookupFailed(
                f"an alias of the cluster {name} is not known before another resource exists\n"
                "    write the old name: pulumi.Alias(name=...)"
            )


def _resources(stack: str) -> Mapping[str, Any]:
    try:
        found = pulumi.runtime.invoke(
            "pulumi:pulumi:readStackResourceOutputs", {"stackName": stack}
        )
    except Exception as error:
        # The SDK raises exactly this for what the backend refuses; all else is a bug.
        if type(error) is not Exception:
            raise
        raise LookupFailed(
            f"the state of the stack {stack} cannot be read: "
            f"{untrusted_text.lines(str(error), LONGEST_ERROR)}\n"
            "    check the connection to the backend and the stack's secrets provider: "
            "pulumi stack export"
        ) from None
    outputs: Mapping[str, Any] = (found.value or {}).get("outputs") or {}
    return outputs
