"""The floor of a start: the same k3s started by hand in the same kind of machines."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from bench.environment import BenchEnvironment
from bench.readiness import Watch
from bench.shape import Shape
from localcloud.errors import LocalCloudError
from localcloud.instance.authority import Authority
from localcloud.instance.servers import METADATA
from localcloud.machines import MachineSpec
from localcloud.machines.docker_client import archive

# Apart from every demo's and every test's on this host.
SUBNET = "10.48.0.0/24"
FIRST = 10
SERVER = f"10.48.0.{FIRST}"
LOG = "/var/log/by-hand.log"
# Not before its container is set up, and whoever joins not before the first server listens.
BOOTED = "until [ -d /run/systemd/system ]; do sleep 0.05; done"
LISTENS = f"until (: </dev/tcp/{SERVER}/6443) 2>/dev/null; do sleep 0.05; done"
# A server that joins may end while another one becomes a member of etcd; k3s's own unit starts it
# again after as long (install.sh of k3s).
AGAIN = "until {}; do sleep 5; done"


def seconds(bench: BenchEnvironment, engine: Any, shape: Shape) -> float:
    """
    From the start of the first machine to all nodes Ready; the machines are removed afterwards.

    No metadata service, no cloud-init, no download, no report, nothing checked. Raises
    LocalCloudError with the last lines of k3s where a node is not Ready in time.
    """
    machines, names = bench.machines, [f"machine-{index}" for index in range(shape.nodes)]
    for index, name in enumerate(names):
        _make(bench, name, index)
    watch = Watch(engine, machines.cloud_id, shape.nodes)
    with ExitStack() as listeners:
        for name, command in zip(names, commands(shape, secrets.token_hex(16)), strict=True):
            machines.start(name)
            # The machine waits for the service to be there; nothing is requested from it.
            listeners.callback(machines.listen(name, *METADATA).close)
            words = ["bash", "-c", f"({BOOTED}; {command}) >{LOG} 2>&1"]
            machines.container(name).exec_run(words, detach=True)
        try:
            found = watch.until_ready() - watch.started
        except LocalCloudError as error:
            raise LocalCloudError(f"started by hand, {error}{_last_lines(bench, names)}") from None
    machines.remove_everything()
    return found


def commands(shape: Shape, token: str) -> list[str]:
    """What starts k3s on each machine: the first server, those that join it, the agents."""
    first = f"k3s server --token {token}{' --cluster-init' if shape.servers > 1 else ''}"
    join = f"--server https://{SERVER}:6443 --token {token}"
    joining = f"{LISTENS}; {AGAIN.format(f'k3s server {join}')}"
    agent = f"{LISTENS}; k3s agent {join}"
    return [first, *[joining] * (shape.servers - 1), *[agent] * shape.agents]


def _make(bench: BenchEnvironment, name: str, index: int) -> None:
    bench.machines.create(
        MachineSpec(
            instance_id=name,
            hostname=name,
            private_ip=f"{SUBNET.rpartition('.')[0]}.{FIRST + index}",
            mac=f"02:00:00:00:48:{index:02x}",
            network="by-hand",
            subnet_cidr=SUBNET,
            vpc_cidr=SUBNET,
            names={},
            ca_certificate=Authority(datetime.now(UTC)).certificate,
        )
    )
    container = bench.machines.container(name)
    k3s = archive("k3s", bench.k3s.path.read_bytes(), 0o755)
    container.put_archive("/usr/local/bin", k3s)
    container.put_archive("/etc/cloud", archive("cloud-init.disabled", b""))


def _last_lines(bench: BenchEnvironment, names: Sequence[str]) -> str:
    """The last lines of k3s on each machine; of its console where the machine itself ended."""
    lines = []
    for name in names:
        container = bench.machines.container(name)
        container.reload()
        if container.status == "running":
            output = container.exec_run(["tail", "-n", "3", LOG]).output
        else:
            output = container.logs(tail=3)
        lines += [f"\n    {name} | {line}" for line in output.decode().splitlines()]
    return "".join(lines)
