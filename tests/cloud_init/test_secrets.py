"""Where the secrets of a machine come from, and where they are written."""

from __future__ import annotations

import pytest

from tests.cloud_init.authority import Authority
from tests.cloud_init.simulated_machine import AGENT_PASSWORD, HOST_KEY, SimulatedMachine, mode


def test_a_servers_secrets_lie_in_files_only_root_reads(machine: SimulatedMachine) -> None:
    machine.configure("server")
    machine.boot()
    etc, tls = machine.root / "etc", machine.root / "var/lib/rancher/k3s/server/tls"
    expected = {
        etc / "ssh/ssh_host_ed25519_key": HOST_KEY,
        etc / "rancher/k3s/token": machine.server_token + "\n",
        etc / "rancher/k3s/agent-token": AGENT_PASSWORD + "\n",
        **{tls / name: content for name, content in machine.files.items()},
    }
    assert expected == {path: path.read_text() for path in expected}
    assert {0o600} == {mode(path) for path in expected}


def test_an_agent_gets_nothing_of_the_servers(machine: SimulatedMachine) -> None:
    machine.configure("agent")
    machine.boot()
    home = machine.root / "etc/rancher/k3s"
    assert machine.agent_token + "\n" == (home / "token").read_text()
    assert sorted(path.name for path in home.iterdir()) == ["config.yaml", "config.yaml.d", "token"]
    assert not (machine.root / "var/lib/rancher/k3s/server").exists()


def test_the_authority_of_another_cluster_is_not_overwritten(
    machine: SimulatedMachine, other_authority: Authority
) -> None:
    path = machine.root / "var/lib/rancher/k3s/server/tls/server-ca.crt"
    path.parent.mkdir(parents=True)
    path.write_text(other_authority.certificate)
    machine.configure("server")
    assert machine.boot() == 1
    expected = "/var/lib/rancher/k3s/server/tls/server-ca.crt belongs to another cluster"
    assert ("secrets", expected) == machine.cause()
    assert other_authority.certificate == path.read_text()


@pytest.mark.parametrize("role", ["server", "agent"])
def test_secrets_that_were_read_are_not_requested_from_ssm_again(
    machine: SimulatedMachine, role: str
) -> None:
    machine.configure(role)
    machine.boot()
    assert set(machine.secrets()) == {"hostKey", "authorizedKeys", "token"} | (
        {"agentToken"} if role == "server" else set()
    )
    machine.requested_parameters.clear()
    # As for every machine whose node has joined.
    machine.rejections = [(400, "AccessDeniedException")] * 100
    assert machine.boot() == 0
    assert machine.requested_parameters == []


def test_the_authority_is_requested_until_k3s_has_run(machine: SimulatedMachine) -> None:
    machine.systemd.starts = False
    machine.configure("server")
    for _ in range(2):
        machine.requested_parameters.clear()
        machine.boot()
        assert ["/demo/authority"] in machine.requested_parameters
    assert "authority" not in machine.secrets()
    machine.systemd.starts = True
    machine.boot()
    machine.requested_parameters.clear()
    assert machine.boot() == 0
    assert machine.requested_parameters == []
