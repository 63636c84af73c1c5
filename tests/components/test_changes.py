"""plan_changes agrees with what the components ask of the engine, and the provider of a machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from cluster import config, record
from cluster.changes import plan_changes
from cluster.effect import Effect
from cluster.model import Cluster
from localcloud.aws_plugin.resources import compute, interfaces, network, volumes
from provider.protocol.differences import between
from provider.resources import K3sProvider
from provider.resources.node.resource import Node
from tests.cluster import ec2
from tests.components.recording import Built, build_cluster

OPEN = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": ["203.0.113.0/24"]}
OTHERS = {"apiAllowedCidrs": ["198.51.100.0/24"]}
POOL = {"name": "agents"}
SPOT = {"pools": [{**POOL, "spot": True, "spotMaxPrice": "0.05"}]}
PRIVATE = {"subnetIds": ["subnet-0aaaaaaaaaaaaaaaa"], "publicAddresses": False}
INSIDE: dict[str, Any] = {"network": {**OPEN, **PRIVATE}}
OWN = {"id": "ami-0bbbbbbbbbbbbbbbb"}
INSTANCE = compute.Instance.token
# What of a resource replaces it on AWS.
REPLACES: Mapping[str, frozenset[str]] = {
    kind.token: kind.replaces
    for kind in (
        compute.Instance,
        interfaces.NetworkInterface,
        network.Subnet,
        network.Vpc,
        volumes.Volume,
    )
}


def cluster(**keys: Any) -> Cluster:
    raw = {"name": "demo", "network": OPEN, "pools": [POOL], **keys}
    return ec2.resolve(config.load(raw, stack="dev"))


@cache
def built(keys: str) -> Built:
    """What the components ask for; the keys are JSON."""
    wanted = cluster(**json.loads(keys))
    return build_cluster(lambda: wanted)


def replaced(before: Built, after: Built, kind: str) -> set[str]:
    """The resources of a type whose inputs replace them."""
    old, new = before.of(kind), after.of(kind)
    return {
        name
        for name in old.keys() & new.keys()
        if old[name].replacement_trigger != new[name].replacement_trigger
        or not REPLACES[kind].isdisjoint(changed(old[name].inputs, new[name].inputs))
    }


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> set[str]:
    """The changed inputs, with the objects they are in."""
    paths = [each.name.split(".") for each in between(old, new)]
    return {".".join(path[:length]) for path in paths for length in range(1, len(path) + 1)}


def observed(before: Built, after: Built) -> dict[str, Effect]:
    return {name: max(_observed(before, after, name)) for name in after.of(INSTANCE)}


def _observed(before: Built, after: Built, name: str) -> Iterator[Effect]:
    yield Effect.NONE
    subnets = replaced(before, after, network.Subnet.token)
    if replaced(before, after, network.Vpc.token):
        subnets = set(after.of(network.Subnet.token))
    interface = after.of(interfaces.NetworkInterface.token)[name]
    moved = interface.inputs["subnetId"].removesuffix("-id") in subnets
    if moved or name in replaced(before, after, interfaces.NetworkInterface.token):
        yield Effect.REPLACE
    if name in replaced(before, after, INSTANCE):
        yield Effect.REPLACE
    if replaced(before, after, volumes.Volume.token):
        # Other data: agents join it again.
        yield Effect.IN_PLACE
    old, new = (each.of(INSTANCE)[name].inputs for each in (before, after))
    if old["instanceType"] != new["instanceType"]:
        yield Effect.RESTART
    node, again = (each.of(Node.token)[name].inputs for each in (before, after))
    # What the provider recomputes is what it contacts the machine for.
    changes = {each.name for each in between(node, again)} - {"api", "ssh"}
    if K3sProvider().resource(Node.token).recomputed_outputs(changes):
        yield Effect.IN_PLACE
    for kind in ("k3s:index:SshKey", "k3s:index:Token"):
        one, other = before.of(kind), after.of(kind)
        # Of the host keys its own reaches the machine.
        keys = [key for key in one if not key.endswith("-host-key") or key == f"{name}-host-key"]
        if any(one[key].inputs != other[key].inputs for key in keys):
            yield Effect.IN_PLACE


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"pools": [{**POOL, "instanceType": "t4g.medium"}]}),
        ({}, {"pools": [{**POOL, "rootVolumeGib": 40, "labels": {"a": "b"}}]}),
        ({}, {"pools": [{**POOL, "spot": True, "rootVolumeGib": 40}]}),
        (SPOT, {"pools": [{**POOL, "spot": True, "spotMaxPrice": "0.06"}]}),
        ({}, {"tags": {"a": "b"}, "drainSeconds": 1, "network": {**OPEN, **OTHERS}}),
        ({}, {"network": {**OPEN, "vpcCidr": "10.65.0.0/16"}}),
        ({}, {"network": {**OPEN, "availabilityZones": ["eu-central-1b"]}}),
        (INSIDE, {"network": {**INSIDE["network"], "publicAddresses": True}}),
        (INSIDE, {"network": {**INSIDE["network"], "subnetIds": ["subnet-0bbbbbbbbbbbbbbbb"]}}),
        ({}, {"servers": {"image": {"generation": 2}}}),
        ({}, {"servers": {"dataVolumeGib": 40}}),
        ({}, {"k3s": {"secretsEncryption": False}}),
        ({}, {"network": {**OPEN, "serviceCidr": "10.45.0.0/16"}}),
        ({}, {"rotation": {"joinTokens": 2}}),
        ({}, {"rotation": {"hostKeys": 2}}),
        ({"image": OWN}, {"image": {**OWN, "loginUser": "core"}}),
        ({"network": {**OPEN, "sshAllowedCidrs": []}}, {}),
    ],
)
def test_the_plan_equals_the_changes_of_the_resources(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    old, new = cluster(**before), cluster(**after)
    plan = plan_changes(record.of(old), record.of(new))
    seen = observed(built(json.dumps(before)), built(json.dumps(after)))
    assert {node.name: node.effect for node in plan.nodes} == seen
