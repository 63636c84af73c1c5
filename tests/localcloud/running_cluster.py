"""A cluster that stands, and the places its packets come from."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address
from pathlib import Path
from typing import Any

import yaml

from cluster import config, network
from tests.cluster import ec2
from tests.localcloud import probe
from tests.localcloud.stacks import CLUSTER, Stack
from tests.localcloud.waiting import DEADLINE_SECONDS

PROBE = Path(probe.__file__).read_text()
OUTSIDE = ip_address("127.0.0.1")


@dataclass(frozen=True)
class Place:
    """Somewhere packets come from: words that run a command there."""

    words: Sequence[str]

    def run(self, *words: str, stdin: str = "") -> str:
        done = subprocess.run(
            [*self.words, *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def probe(self, *words: str | int) -> dict[str, Any]:
        """What the probe saw there."""
        found: dict[str, Any] = json.loads(self.run("python3", "-c", PROBE, *map(str, words)))
        return found

    @contextmanager
    def probing(self, *words: str | int) -> Iterator[dict[str, Any]]:
        """The probe while it stands there; what it saw is in the mapping afterwards."""
        found: dict[str, Any] = {}
        with subprocess.Popen(
            [*self.words, "python3", "-c", PROBE, *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as running:
            assert running.stdin is not None
            assert running.stdout is not None
            assert running.stdout.readline() == "ready\n"
            yield found
            # Its end of the input is the end.
            running.stdin.close()
            found |= json.loads(running.stdout.read())


@dataclass(frozen=True)
class Machine(Place):
    """One machine of the cluster."""

    name: str
    instance_id: str
    role: str
    private: str
    public: str


@dataclass(frozen=True)
class RunningCluster:
    """The cluster that stands: one server, two agents."""

    stack: Stack
    machines: Sequence[Machine]

    @property
    def server(self) -> Machine:
        return self.machines[0]

    @property
    def agents(self) -> Sequence[Machine]:
        return self.machines[1:]

    @property
    def rules(self) -> Sequence[network.IngressRule]:
        content = yaml.safe_load(self.stack.config_file.read_text())["config"][CLUSTER]
        spec = config.load(content, stack=self.stack.name, read_file=lambda name: "")
        return network.ingress_rules(ec2.resolve(spec))

    def admits(self, machine: Machine, source: Machine | None, protocol: str) -> set[int]:
        """The ports that cluster/network.py opens; a source of None is the outside."""
        return {
            rule.from_port
            for rule in self.rules
            if rule.group == machine.role and rule.protocol == protocol
            if rule.from_port == rule.to_port and rule.from_port is not None
            if (source is not None and rule.source_group == source.role)
            or (source is None and rule.cidr and OUTSIDE in IPv4Network(rule.cidr))
        }


HERE = Place([])
"""The host, which is the outside."""


def machines_of(stack: Stack) -> list[Machine]:
    """Servers first."""
    return [
        Machine(
            ["docker", "exec", "-i", f"k3saws-{stack.cloud_id}-{node['instanceId']}"],
            node["name"],
            node["instanceId"],
            node["role"],
            node["privateIp"],
            node["publicIp"],
        )
        for node in sorted(stack.nodes(), key=lambda each: str(each["role"]), reverse=True)
    ]


def ready_nodes(stack: Stack, kubeconfig: Path | None = None) -> dict[str, bool]:
    """Whether each node is Ready, by name; as administrator where no kubeconfig is given."""
    done = stack.kubectl_as(
        kubeconfig or stack.kubeconfig("adminKubeconfig"), "get", "nodes", "-o", "json"
    )
    assert done.returncode == 0, done.stderr
    return {
        node["metadata"]["name"]: any(
            (each["type"], each["status"]) == ("Ready", "True")
            for each in node["status"]["conditions"]
        )
        for node in json.loads(done.stdout)["items"]
    }
