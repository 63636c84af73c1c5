"""k3s on disk: binary, configuration, unit and manifests."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cloud_init.simulated_aws import K3S, Download
from tests.cloud_init.simulated_machine import SimulatedMachine, mode


def test_a_server_gets_its_configuration(machine: SimulatedMachine) -> None:
    machine.configure("server")
    machine.boot()
    path = machine.root / "etc/rancher/k3s/config.yaml"
    expected = {
        "node-ip": "10.64.0.10",
        "advertise-address": "10.64.0.10",
        "tls-san": ["10.64.0.10"],
        "node-name": "demo-servers-9abcdef0",
        "token-file": "/etc/rancher/k3s/token",
        "agent-token-file": "/etc/rancher/k3s/agent-token",
    }
    assert expected == json.loads(path.read_text())
    assert mode(path) == 0o600


def test_an_agent_gets_the_address_of_its_server(machine: SimulatedMachine) -> None:
    machine.configure("agent")
    machine.boot()
    expected = {
        "node-ip": "10.64.0.10",
        "node-name": "demo-agents-9abcdef0",
        "token-file": "/etc/rancher/k3s/token",
    }
    folder = machine.root / "etc/rancher/k3s"
    assert expected == json.loads((folder / "config.yaml").read_text())
    server = folder / "config.yaml.d/10-server.yaml"
    assert json.loads(server.read_text()) == {"server": machine.server_url}


def test_registries_are_written_for_root_alone_and_another_one_restarts_k3s(
    machine: SimulatedMachine,
) -> None:
    mirrors = {"mirrors": {"docker.io": {"endpoint": ["https://mirror.example.com"]}}}
    path = machine.root / "etc/rancher/k3s/registries.yaml"
    machine.configure("agent", registries=mirrors)
    machine.boot()
    assert (json.loads(path.read_text()), mode(path)) == (mirrors, 0o600)
    before = len(machine.systemd.all_restarts())
    machine.boot()
    assert len(machine.systemd.all_restarts()) == before
    machine.configure("agent")
    machine.boot()
    assert (path.read_text(), len(machine.systemd.all_restarts())) == ("", before + 1)


def test_passwords_of_registries_come_from_their_parameter_into_the_file_alone(
    machine: SimulatedMachine,
) -> None:
    auth = {"registry.example.com": {"username": "ci", "password": "hunter2-hunter2"}}
    machine.parameters["/demo/registry-auth"] = json.dumps(auth)
    own = {
        "authorizedKeys": "/demo/authorized-keys",
        "token": "/demo/agent-token",
        "registryAuth": "/demo/registry-auth",
    }
    tls = {"configs": {"registry.example.com": {"tls": {"ca_file": "/ca.pem"}}}}
    machine.configure("agent", registries=tls, parameters=own)
    assert machine.boot() == 0
    path = machine.root / "etc/rancher/k3s/registries.yaml"
    assert json.loads(path.read_text()) == {
        "configs": {
            "registry.example.com": {
                "tls": {"ca_file": "/ca.pem"},
                "auth": auth["registry.example.com"],
            }
        }
    }
    assert mode(path) == 0o600
    assert "hunter2" not in "\n".join(machine.log_lines)


def test_manifests_lie_where_k3s_applies_them_and_restart_nothing(
    machine: SimulatedMachine,
) -> None:
    folder = machine.root / "var/lib/rancher/k3s/server/manifests/k3s-aws"
    machine.configure("server", manifests={"a.yaml": {"content": "a"}, "b.yaml": {"content": "b"}})
    assert machine.boot() == 0
    assert {each.name: each.read_text() for each in folder.iterdir()} == {
        "a.yaml": "a",
        "b.yaml": "b",
    }
    assert {mode(each) for each in folder.iterdir()} == {0o600}
    before = len(machine.systemd.all_restarts())
    machine.configure("server", manifests={"b.yaml": {"content": "c"}})
    machine.boot()
    assert {each.name: each.read_text() for each in folder.iterdir()} == {"b.yaml": "c"}
    machine.configure("server")
    machine.boot()
    assert list(folder.iterdir()) == []
    assert len(machine.systemd.all_restarts()) == before


def test_what_is_in_the_bucket_is_fetched_as_the_role_and_compared(
    machine: SimulatedMachine,
) -> None:
    content = b"kind: Namespace"
    machine.objects["/the-bucket/manifests/x/big.yaml"] = content
    machine.objects["/the-bucket/k3s/y/k3s"] = K3S
    machine.rejected_objects = 1
    machine.configure(
        "server",
        k3s={
            "version": "v1.36.4+k3s1",
            "sources": ["s3://the-bucket/k3s/y/k3s"],
            "sha256": hashlib.sha256(K3S).hexdigest(),
        },
        manifests={
            "big.yaml": {
                "source": "s3://the-bucket/manifests/x/big.yaml",
                "sha256": hashlib.sha256(content).hexdigest(),
            }
        },
    )
    assert machine.boot() == 0, machine.cause()
    folder = machine.root / "var/lib/rancher/k3s/server/manifests/k3s-aws"
    assert (folder / "big.yaml").read_bytes() == content
    assert (machine.root / "usr/local/bin/k3s").read_bytes() == K3S


@pytest.mark.parametrize(("role", "unit"), [("server", "k3s"), ("agent", "k3s-agent")])
def test_the_unit_runs_k3s_in_its_role_and_is_started_without_blocking(
    machine: SimulatedMachine, role: str, unit: str
) -> None:
    machine.configure(role)
    machine.boot()
    text = (machine.root / f"etc/systemd/system/{unit}.service").read_text()
    assert f"ExecStart=/usr/local/bin/k3s {role}\n" in text
    assert "Type=notify\n" in text
    assert ["systemctl", "restart", "--no-block", unit] in machine.systemd.commands
    assert ["systemctl", "enable", "--no-reload", unit] in machine.systemd.commands


def test_k3s_dumps_no_core(machine: SimulatedMachine) -> None:
    """One would hold the authority's keys and every token, for whoever may read it."""
    machine.configure("server")
    machine.boot()
    text = (machine.root / "etc/systemd/system/k3s.service").read_text()
    assert "LimitCORE=0\n" in text


def test_k3s_starts_again_often_enough_to_renew_its_certificates(
    machine: SimulatedMachine,
) -> None:
    """It renews them only then, in their last 120 days, in older releases their last 90."""
    machine.configure("server")
    machine.boot()
    text = (machine.root / "etc/systemd/system/k3s.service").read_text()
    unit = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    # Servers that started together do not start again together.
    days = [int(unit[key].rstrip("d")) for key in ("RuntimeMaxSec", "RuntimeRandomizedExtraSec")]
    assert all(days)
    assert sum(days) < 90
    assert unit["Restart"] == "always"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="the machine has no systemd")
def test_systemd_reads_every_key_of_the_unit(machine: SimulatedMachine) -> None:
    machine.configure("server")
    machine.boot()
    words = ["systemd-analyze", "verify", str(machine.root / "etc/systemd/system/k3s.service")]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "Unknown key" not in found.stderr
    assert "Failed to parse" not in found.stderr


def test_k3s_is_installed_executable_with_kubectl_beside_it(machine: SimulatedMachine) -> None:
    machine.configure("server")
    machine.boot()
    binary = machine.root / "usr/local/bin/k3s"
    assert binary.read_bytes() == K3S
    assert mode(binary) == 0o755
    assert Path("k3s") == (binary.parent / "kubectl").readlink()


def test_another_binary_is_fetched_and_started(machine: SimulatedMachine) -> None:
    machine.configure("server")
    machine.boot()
    newer = K3S + b"newer"
    machine.downloads["/newer/k3s"] = Download(newer)
    sha256 = hashlib.sha256(newer).hexdigest()
    source = f"{machine.url}/newer/k3s"
    machine.configure("server", k3s={"version": "v2", "sources": [source], "sha256": sha256})
    assert machine.boot() == 0
    assert newer == (machine.root / "usr/local/bin/k3s").read_bytes()
    assert machine.systemd.restarts("k3s") == 2


def test_a_binary_that_is_on_the_machine_already_is_not_fetched(machine: SimulatedMachine) -> None:
    binary = machine.root / "usr/local/bin/k3s"
    binary.parent.mkdir(parents=True)
    binary.write_bytes(K3S)
    machine.configure("server")
    assert machine.boot() == 0
    assert machine.downloads["/good/k3s"].ranges == []


@pytest.mark.parametrize("role", ["server", "agent"])
def test_a_new_k3s_is_unpacked_before_it_is_started(machine: SimulatedMachine, role: str) -> None:
    if role == "server":
        machine.configure(role)
        assert machine.boot() == 0
        machine.create_datastore()
    machine.downloads["/newer/k3s"] = Download(K3S + b"newer")
    sha256 = hashlib.sha256(K3S + b"newer").hexdigest()
    source = f"{machine.url}/newer/k3s"
    machine.configure(role, k3s={"version": "v1.36.5+k3s1", "sources": [source], "sha256": sha256})
    earlier = len(machine.systemd.commands)
    assert machine.boot() == 0
    binary = str(machine.root / "usr/local/bin/.k3s.new")
    commands = machine.systemd.commands[earlier:]
    unit = "k3s" if role == "server" else "k3s-agent"
    assert commands.index([binary, "kubectl", "version", "--client"]) < commands.index(
        ["systemctl", "restart", "--no-block", unit]
    )
    machine.boot()
    assert machine.systemd.commands.count([binary, "kubectl", "version", "--client"]) == 1


def test_a_new_server_starts_k3s_without_unpacking_it_before(machine: SimulatedMachine) -> None:
    """It would unpack in the same time at its start, for which nothing else waits meanwhile."""
    machine.configure("server")
    assert machine.boot() == 0
    assert not [words for words in machine.systemd.commands if "kubectl" in words]


@pytest.mark.parametrize("changed", [True, False])
def test_systemd_reads_its_units_again_only_where_k3s_s_has_changed(
    machine: SimulatedMachine, changed: bool
) -> None:
    machine.systemd.needs_reload = changed
    machine.configure("agent")
    assert machine.boot() == 0
    commands = machine.systemd.commands
    reloads = [index for index, words in enumerate(commands) if words[1:] == ["daemon-reload"]]
    assert len(reloads) == changed
    started = commands.index(["systemctl", "restart", "--no-block", "k3s-agent"])
    assert all(each < started for each in reloads)
    # Those that change no unit of a running system say so: systemd would read all of them again.
    installed = [words for words in commands if words[1] in ("enable", "mask", "disable")]
    assert installed
    assert all("--no-reload" in words for words in installed)


def test_labels_and_taints_become_the_lists_of_k3s(machine: SimulatedMachine) -> None:
    taints = [
        {"key": "only", "value": "", "effect": "NoSchedule"},
        {"key": "example.com/only", "value": "arm", "effect": "NoExecute"},
    ]
    machine.configure("agent", labels={"example.com/a": "b", "empty": ""}, taints=taints)
    assert machine.boot() == 0
    config = json.loads((machine.root / "etc/rancher/k3s/config.yaml").read_text())
    assert config["node-label"] == ["example.com/a=b", "empty="]
    assert config["node-taint"] == ["only=:NoSchedule", "example.com/only=arm:NoExecute"]
