"""Event logs made by hand, for what no recording has. Their form is that of the recordings."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from review import event_log
from review.preview import Preview

URN = "urn:pulumi:prod::k3s-aws::k3s:aws:K3sCluster$"
STACK = "pulumi:pulumi:Stack"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


def record(**changes: Any) -> dict[str, Any]:
    """A clusterRecord of three servers and two agents."""
    keys = {"cluster.name": "shop", "cluster.k3s.version": "v1.36.4+k3s1"}
    servers = {
        "name": "servers",
        "role": "server",
        "count": 3,
        "architecture": "arm64",
        "keys": {"cluster.servers.instanceType": "t4g.small", "cluster.servers.dataVolumeGib": 10},
    }
    agents = {
        "name": "agents",
        "role": "agent",
        "count": 2,
        "architecture": "arm64",
        "keys": {"cluster.pools[].instanceType": "t4g.small"},
    }
    found: dict[str, Any] = {
        "schema": 1,
        "accountId": "123456789012",
        "region": "eu-central-1",
        "subnets": [{"zone": "eu-central-1a", "cidr": "10.64.0.0/20"}],
        "nodeKeys": {**keys, "cluster.network.sshAllowedCidrs": True},
        "otherKeys": {},
        "identityGenerations": {},
        "pools": [servers, agents],
    }
    return copy.deepcopy({**found, **changes})


def with_keys(where: str, **keys: Any) -> dict[str, Any]:
    """The record with keys of the cluster; `k3s_version` is `cluster.k3s.version`."""
    found = record()
    found[where] |= {f"cluster.{key.replace('_', '.')}": each for key, each in keys.items()}
    return found


def step(op: str, kind: str, name: str, old: Any = None, new: Any = None) -> dict[str, Any]:
    """The event of a resource with its inputs before and after."""
    sides = {"old": old, "new": new}
    states = {side: {"inputs": each} for side, each in sides.items() if each is not None}
    data = {"op": op, "urn": f"{URN}{kind}::{name}", "type": kind, **states}
    return {"resOutputsEvent": {"metadata": data}}


def stack(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> dict[str, Any]:
    """The event of the stack with its outputs."""
    old = None if before is None else {"outputs": before}
    data = {"op": "same", "urn": f"urn:pulumi:prod::k3s-aws::{STACK}::k3s-aws-prod", "type": STACK}
    return {"resOutputsEvent": {"metadata": {**data, "old": old, "new": {"outputs": after}}}}


def end(**changes: Any) -> dict[str, Any]:
    return {"summaryEvent": {"result": "succeeded", "PolicyPacks": {}, **changes}}


def error(message: str) -> dict[str, Any]:
    return {"diagnosticEvent": {"severity": "error", "message": message}}


def lines(*events: Mapping[str, Any]) -> list[str]:
    return [json.dumps(each) for each in events]


def preview(*steps: Mapping[str, Any], before: Any = None, after: Any = None) -> Preview:
    """The preview of a stack that exists, with its records before and after."""
    old = {"clusterRecord": before or record()}
    new = {"clusterRecord": after or before or record()}
    return event_log.parse(lines(stack(old, new), *steps, end()), "made by hand")
