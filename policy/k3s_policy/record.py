"""The outputs of the stack, where the rules look for the configuration of a cluster."""

from __future__ import annotations

from collections.abc import Sequence

from k3s_policy.resource import Resource

STACK = "pulumi:pulumi:Stack"
RECORD = "clusterRecord"
"""The output with the configuration of the last update, by key."""


def stack_of(resources: Sequence[Resource]) -> Resource:
    """The stack itself, whose properties are its outputs; one without any where it is missing."""
    for resource in resources:
        if resource.type == STACK:
            return resource
    return Resource(type=STACK, name="", urn="", properties={})
