"""This machine: node.json, the instance id, and the clients of its services."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boot import http_client
from boot.aws import Aws
from boot.environment import Environment
from boot.report import Report
from boot.waiting import BootError, Wait

SCHEMA = 2


@dataclass(frozen=True)
class Node:
    """
    The node configuration, /etc/k3s-aws/node.json, whose fields cluster/machine_files.py declares.

    `server_urls` are the servers that this machine can join, without itself; `public_ip` is None on
    a private machine. `data_volume` is empty on an agent.
    """

    role: str
    name_prefix: str
    deadline_seconds: float
    k3s: Mapping[str, Any]
    labels: Mapping[str, str]
    taints: Sequence[Mapping[str, str]]
    config: Mapping[str, Any]
    parameters: Mapping[str, str]
    registries: Mapping[str, Any] | None
    manifests: Mapping[str, Mapping[str, str]] | None
    server_urls: Sequence[str]
    datastore_parameter: str
    may_create_cluster: bool
    backup: Mapping[str, Any] | None
    restore: Mapping[str, Any] | None
    data_volume: str
    data_volume_gib: int
    private_ip: str
    public_ip: str | None
    drain_seconds: float


def read_node(root: Path) -> Node:
    """The configuration; raises BootError where it is missing or has another form."""
    try:
        return parse_node(json.loads((root / "etc/k3s-aws/node.json").read_text()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BootError(f"/etc/k3s-aws/node.json cannot be used: {error!r}") from None


def parse_node(content: Mapping[str, Any]) -> Node:
    if content["schema"] != SCHEMA:
        raise ValueError(f"schema {content['schema']} is not supported")
    pool, own = content["pool"], content["own"]
    return Node(
        role=pool["role"],
        name_prefix=pool["nodeNamePrefix"],
        deadline_seconds=float(content["deadlineSeconds"]),
        k3s=pool["k3s"],
        labels=pool["labels"],
        taints=pool["taints"],
        config=pool["config"],
        parameters={**pool["parameters"], "hostKey": own["hostKeyParameter"]},
        registries=pool.get("registries"),
        manifests=pool.get("manifests"),
        server_urls=_others(pool, own["privateIp"]),
        datastore_parameter=pool["datastoreParameter"] if pool["role"] == "server" else "",
        may_create_cluster=own.get("mayCreateCluster", False),
        backup=pool.get("backup"),
        restore=own.get("restore"),
        data_volume=own.get("dataVolume", ""),
        data_volume_gib=own.get("dataVolumeGib", 0),
        private_ip=own["privateIp"],
        public_ip=own.get("publicIp"),
        drain_seconds=pool.get("drainSeconds", 0),
    )


def _others(pool: Mapping[str, Any], address: str) -> Sequence[str]:
    join = pool["join"] if pool["role"] == "agent" else pool.get("join", {"urls": ()})
    return [url for url in join["urls"] if f"//{address}:" not in url]


@dataclass(frozen=True)
class Machine:
    """What the phases after `identity` get: frozen values and clients."""

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

    @property
    def k3s_has_run(self) -> bool:
        """Whether k3s was started successfully once on this machine."""
        return self.path("var/lib/k3s-aws/running").exists()

    def path(self, relative: str) -> Path:
        return self.environment.root / relative


def identify(environment: Environment, started: float, report: Report) -> Machine:
    """Reads node.json, then the instance id from the metadata service; the deadline is set here."""
    node = read_node(environment.root)
    if "environment" in node.k3s:
        os.environ.update(node.k3s["environment"])
        http_client.proxies = None
    wait = Wait(environment.clock, started + node.deadline_seconds)
    aws = Aws(environment, wait, report)
    machine = Machine(environment, node, aws.metadata("instance-id"), wait, report, aws)
    report.content.update(node=machine.node_name, instanceId=machine.instance_id, role=machine.role)
    return machine
