"""The commands of docs/troubleshooting.md for a cluster whose servers are gone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from unittest import mock

from boot import environment
from tests.cloud_init.simulated_aws import INSTANCE, K3S
from tests.cloud_init.simulated_machine import SimulatedMachine

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
NODE = f"demo-servers-{INSTANCE[-8:]}"


def documented_program() -> str:
    """The lines that Python is to run, as the page has them in a list."""
    found = re.search(r"<<'END'\n(.*?)\n +END\n", PAGE.read_text(), re.DOTALL)
    assert found
    return "\n".join(line.removeprefix("   ") for line in found[1].splitlines())


def test_a_new_first_server_goes_on_with_the_data_of_the_servers_that_are_gone(
    machine: SimulatedMachine,
) -> None:
    etcd = machine.root / "var/lib/rancher/k3s/server/db/etcd"
    (etcd / "member/wal").mkdir(parents=True)
    (etcd / "name").write_text("demo-servers-0fffffff-0a1b2c3d")
    machine.parameters["/demo/datastore"] = "etcd"
    urls = ["https://10.64.0.10:6443", "https://127.0.0.1:1"]
    machine.configure("server", join={"urls": urls}, deadlineSeconds=30)
    assert machine.boot() == 1

    with mock.patch.object(environment, "Environment", machine.environment):
        exec(documented_program(), {})  # noqa: S102

    assert (machine.root / "usr/local/bin/k3s").read_bytes() == K3S
    # What k3s reads for a reset, after which the member has the name of the node (pkg/etcd of k3s).
    config = json.loads((machine.root / "etc/rancher/k3s/config.yaml").read_text())
    token = machine.root / config["token-file"].lstrip("/")
    assert token.read_text().strip() == machine.server_token
    assert not (machine.root / "etc/rancher/k3s/config.yaml.d").exists()
    (etcd / "name").write_text(f"{config['node-name']}-1a2b3c4d")
    assert machine.boot() == 0
    assert (etcd / "member/wal").exists()
    assert machine.report["node"] == NODE == config["node-name"]
