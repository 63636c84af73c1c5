"""The boot report and the boot log, without any secret."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest

from cluster import boot_report
from tests.cloud_init.simulated_aws import ACCESS_KEY, INSTANCE, K3S, SECRET_KEY, SESSION_TOKEN
from tests.cloud_init.simulated_machine import AGENT_PASSWORD, HOST_KEY, SimulatedMachine, mode
from tests.cloud_init.simulated_supervisor import SERVER_PASSWORD

OTHER = "another-password-0123456789"
OTHER_HOST_KEY = HOST_KEY.replace("host-key-body", "other-host-key-body")


def test_the_report_names_the_machine_and_its_k3s(machine: SimulatedMachine) -> None:
    machine.configure("server")
    machine.boot()
    report = machine.report
    assert report["node"] == "demo-servers-9abcdef0"
    assert (report["instanceId"], report["role"]) == (INSTANCE, "server")
    assert report["k3s"]["version"] == "v1.36.4+k3s1"
    assert hashlib.sha256(K3S).hexdigest() == report["k3s"]["sha256"]
    assert report["phases"][0]["startedAt"] == "2026-11-24T03:00:00.000Z"
    assert mode(machine.root / "var/lib/k3s-aws/report.json") == 0o644


def test_the_provider_can_parse_the_report(machine: SimulatedMachine) -> None:
    machine.configure("server")
    machine.boot()
    text = (machine.root / "var/lib/k3s-aws/report.json").read_text()
    assert boot_report.parse(text).describe() == "done, 0.5 s"


@pytest.mark.parametrize("role", ["server", "agent"])
def test_no_secret_is_in_any_output(machine: SimulatedMachine, role: str) -> None:
    key_line = machine.authority.key.splitlines()[1]
    machine.systemd.starts = False
    machine.systemd.journal = [
        f"level=fatal token={SERVER_PASSWORD} {machine.agent_token} {key_line} {SECRET_KEY}"
    ]
    machine.configure(role)
    machine.boot()
    output = "\n".join(
        [json.dumps(machine.report), *machine.log_lines, *map(" ".join, machine.systemd.commands)]
    )
    secrets = [AGENT_PASSWORD, SECRET_KEY, SESSION_TOKEN, "host-key-body"]
    if role == "server":
        secrets += [SERVER_PASSWORD, key_line]
    assert [secret for secret in secrets if secret in output] == []
    assert ACCESS_KEY not in output
    assert "[secret]" in machine.cause()[1]


def test_no_password_of_a_registry_is_in_any_output(machine: SimulatedMachine) -> None:
    hosts = {
        "one.example.com": {"username": "ci", "password": "short"},
        "two.example.com": {"auth": "Y2k6b3RoZXI="},
        "three.example.com": {"identity_token": "tkn"},
    }
    sent = base64.b64encode(b"ci:short").decode()
    machine.parameters["/demo/registry-auth"] = json.dumps(hosts)
    machine.systemd.starts = False
    machine.systemd.journal = [f"level=fatal ci failed: short {sent} Y2k6b3RoZXI= tkn"]
    parameters = {
        "authorizedKeys": "/demo/authorized-keys",
        "token": "/demo/agent-token",
        "registryAuth": "/demo/registry-auth",
    }
    machine.configure("agent", registries={}, parameters=parameters)
    assert machine.boot() == 1
    assert machine.cause()[1].endswith("level=fatal ci failed: " + " ".join(["[secret]"] * 4))
    output = "\n".join([json.dumps(machine.report), *machine.log_lines])
    assert [each for each in ("short", sent, "tkn") if each in output] == []


def test_no_changed_secret_is_in_any_output(machine: SimulatedMachine) -> None:
    machine.configure("server")
    machine.boot()
    machine.create_datastore()
    agents = "agents-password-9876543210"
    machine.change_secrets(token=OTHER, agentToken=agents, hostKey=OTHER_HOST_KEY)
    machine.systemd.starts = False
    machine.systemd.journal = [f"level=fatal {OTHER} {agents} other-host-key-body"]
    machine.boot()
    assert machine.cause()[1].endswith("level=fatal [secret] [secret] [secret]")
    output = "\n".join(
        [json.dumps(machine.report), *machine.log_lines, *map(" ".join, machine.systemd.commands)]
    )
    assert [each for each in (OTHER, agents, "other-host-key-body") if each in output] == []
