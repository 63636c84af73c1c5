"""This machine: what node.json and the metadata service report of it, and who it asks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boot.aws import Aws
from boot.environment import Environment
from boot.report import Report
from boot.waiting import BootError, Wait

SCHEMA = 1


@dataclass(frozen=True)
class Node:
    """What cluster/node_config.py wrote. `join_url` is an agent's server, None on a server."""

    role: str
    name_prefix: str
    deadline_seconds: float
    k3s_version: str
    k3s_sources: Sequence[str]
    k3s_sha256: str
    parameters: Mapping[str, str]
    config: Mapping[str, Any]
    registries: Mapping[str, Any] | None
    manifests: Mapping[str, Mapping[str, str]] | None
    join_url: str | None


def read_node(root: Path) -> Node:
    """The configuration; raises BootError where it is missing or has another form."""
    try:
        return _node(json.loads((root / "etc/k3s-aws/node.json").read_text()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BootError(f"/etc/k3s-aws/node.json cannot be used: {error!r}") from None


def _node(content: Mapping[str, Any]) -> Node:
    if content["schema"] != SCHEMA:
        raise ValueError(f"schema {content['schema']} is not known")
    k3s = content["k3s"]
    return Node(
        role=content["role"],
        name_prefix=content["nodeNamePrefix"],
        deadline_seconds=float(content["deadlineSeconds"]),
        k3s_version=k3s["version"],
        k3s_sources=k3s["sources"],
        k3s_sha256=k3s["sha256"],
        parameters=content["parameters"],
        config=content["config"],
        registries=content.get("registries"),
        manifests=content.get("manifests"),
        join_url=content["join"]["url"] if content["role"] == "agent" else None,
    )


@dataclass(frozen=True)
class Machine:
    """What the phases after `identity` get: frozen facts, and the clients that use them."""

    environment: Environment
    node: Node
    instance_id: str
    wait: Wait
    report: Report
    aws: Aws

    @property
    def role(self) -> str:
        return self.node.role

    @property
    def node_name(self) -> str:
        return f"{self.node.name_prefix}-{self.instance_id[-8:]}"

    @property
    def k3s_unit(self) -> str:
        return "k3s" if self.role == "server" else "k3s-agent"

    @property
    def server_data(self) -> Path:
        return self.path("var/lib/rancher/k3s/server")

    def path(self, relative: str) -> Path:
        return self.environment.root / relative


def identify(environment: Environment, started: float, report: Report) -> Machine:
    """Reads node.json, then the instance id from the metadata service; the deadline is set here."""
    node = read_node(environment.root)
    wait = Wait(environment.clock, started + node.deadline_seconds)
    aws = Aws(environment, wait, report)
    machine = Machine(environment, node, aws.metadata("instance-id"), wait, report, aws)
    report.content.update(node=machine.node_name, instanceId=machine.instance_id, role=machine.role)
    return machine
