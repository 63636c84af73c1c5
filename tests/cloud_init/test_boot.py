"""The boot program from node.json to a running k3s, and what it leaves on the machine."""

from __future__ import annotations

import fcntl
import hashlib
import json
from pathlib import Path

import pytest

from cluster import boot_report
from tests.cloud_init.authority import Authority
from tests.cloud_init.program import boot
from tests.cloud_init.world import (
    ACCESS_KEY,
    AGENT_PASSWORD,
    HOST_KEY,
    INSTANCE,
    K3S,
    SECRET_KEY,
    SERVER_PASSWORD,
    SESSION_TOKEN,
    Download,
    World,
)

PREPARED = ["identity", "ssh", "secrets", "download-k3s", "configure"]
SERVER_PHASES = [*PREPARED, "start-k3s", "node-ready"]
AGENT_PHASES = [*PREPARED, "wait-for-server", "start-k3s", "node-ready"]


def phases(world: World) -> list[str]:
    return [phase["name"] for phase in world.report["phases"]]


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_server_goes_through_its_phases(world: World) -> None:
    world.configure("server")
    assert world.boot() == 0
    assert phases(world) == SERVER_PHASES
    assert world.report["state"] == "done"


def test_an_agent_waits_for_its_server_before_it_starts_k3s(world: World) -> None:
    world.configure("agent")
    assert world.boot() == 0
    assert phases(world) == AGENT_PHASES


def test_the_report_names_the_machine_and_its_k3s(world: World) -> None:
    world.configure("server")
    world.boot()
    report = world.report
    assert report["node"] == "demo-servers-9abcdef0"
    assert (report["instanceId"], report["role"]) == (INSTANCE, "server")
    assert report["k3s"]["version"] == "v1.36.4+k3s1"
    assert hashlib.sha256(K3S).hexdigest() == report["k3s"]["sha256"]
    assert report["phases"][0]["startedAt"] == "2026-11-24T03:00:00.000Z"
    assert mode(world.root / "var/lib/k3s-aws/report.json") == 0o644


def test_the_report_is_the_one_the_provider_reads(world: World) -> None:
    world.configure("server")
    world.boot()
    text = (world.root / "var/lib/k3s-aws/report.json").read_text()
    assert boot_report.parse(text).describe() == "done, 0.5 s"


def test_a_server_is_told_its_configuration(world: World) -> None:
    world.configure("server")
    world.boot()
    path = world.root / "etc/rancher/k3s/config.yaml"
    expected = {
        "node-ip": "10.64.0.10",
        "node-name": "demo-servers-9abcdef0",
        "token-file": "/etc/rancher/k3s/token",
        "agent-token-file": "/etc/rancher/k3s/agent-token",
    }
    assert expected == json.loads(path.read_text())
    assert mode(path) == 0o600


def test_an_agent_is_told_where_its_server_is(world: World) -> None:
    world.configure("agent")
    world.boot()
    expected = {
        "node-ip": "10.64.0.10",
        "node-name": "demo-agents-9abcdef0",
        "token-file": "/etc/rancher/k3s/token",
        "server": world.server_url,
    }
    assert expected == json.loads((world.root / "etc/rancher/k3s/config.yaml").read_text())


def test_a_servers_secrets_lie_in_files_only_root_reads(world: World) -> None:
    world.configure("server")
    world.boot()
    etc, tls = world.root / "etc", world.root / "var/lib/rancher/k3s/server/tls"
    expected = {
        etc / "ssh/ssh_host_ed25519_key": HOST_KEY,
        etc / "rancher/k3s/token": world.server_token + "\n",
        etc / "rancher/k3s/agent-token": AGENT_PASSWORD + "\n",
        **{tls / name: content for name, content in world.files.items()},
    }
    assert expected == {path: path.read_text() for path in expected}
    assert {0o600} == {mode(path) for path in expected}


def test_an_agent_gets_nothing_of_the_servers(world: World) -> None:
    world.configure("agent")
    world.boot()
    home = world.root / "etc/rancher/k3s"
    assert world.agent_token + "\n" == (home / "token").read_text()
    assert sorted(path.name for path in home.iterdir()) == ["config.yaml", "token"]
    assert not (world.root / "var/lib/rancher/k3s/server").exists()


def test_registries_are_written_for_root_alone_and_another_one_restarts_k3s(world: World) -> None:
    mirrors = {"mirrors": {"docker.io": {"endpoint": ["https://mirror.example.com"]}}}
    path = world.root / "etc/rancher/k3s/registries.yaml"
    world.configure("agent", registries=mirrors)
    world.boot()
    assert (json.loads(path.read_text()), mode(path)) == (mirrors, 0o600)
    before = len(restarts(world))
    world.boot()
    assert len(restarts(world)) == before
    world.configure("agent")
    world.boot()
    assert (path.read_text(), len(restarts(world))) == ("", before + 1)


def test_passwords_of_registries_come_from_their_parameter_into_the_file_alone(
    world: World,
) -> None:
    auth = {"registry.example.com": {"username": "ci", "password": "hunter2-hunter2"}}
    world.parameters["/demo/registry-auth"] = json.dumps(auth)
    own = {
        "hostKey": "/demo/host-key",
        "authorizedKeys": "/demo/authorized-keys",
        "token": "/demo/agent-token",
        "registryAuth": "/demo/registry-auth",
    }
    tls = {"configs": {"registry.example.com": {"tls": {"ca_file": "/ca.pem"}}}}
    world.configure("agent", registries=tls, parameters=own)
    assert world.boot() == 0
    path = world.root / "etc/rancher/k3s/registries.yaml"
    assert json.loads(path.read_text()) == {
        "configs": {
            "registry.example.com": {
                "tls": {"ca_file": "/ca.pem"},
                "auth": auth["registry.example.com"],
            }
        }
    }
    assert mode(path) == 0o600
    assert "hunter2" not in "\n".join(world.said)


def test_manifests_lie_where_k3s_applies_them_and_restart_nothing(world: World) -> None:
    folder = world.root / "var/lib/rancher/k3s/server/manifests/k3s-aws"
    world.configure("server", manifests={"a.yaml": {"content": "a"}, "b.yaml": {"content": "b"}})
    assert world.boot() == 0
    assert {each.name: each.read_text() for each in folder.iterdir()} == {
        "a.yaml": "a",
        "b.yaml": "b",
    }
    assert {mode(each) for each in folder.iterdir()} == {0o600}
    before = len(restarts(world))
    world.configure("server", manifests={"b.yaml": {"content": "c"}})
    world.boot()
    assert {each.name: each.read_text() for each in folder.iterdir()} == {"b.yaml": "c"}
    world.configure("server")
    world.boot()
    assert list(folder.iterdir()) == []
    assert len(restarts(world)) == before


def test_what_is_in_the_bucket_is_fetched_as_the_role_and_compared(world: World) -> None:
    content = b"kind: Namespace"
    world.objects["/the-bucket/manifests/x/big.yaml"] = content
    world.objects["/the-bucket/k3s/y/k3s"] = K3S
    world.refused_objects = 1
    world.configure(
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
    assert world.boot() == 0, world.cause()
    folder = world.root / "var/lib/rancher/k3s/server/manifests/k3s-aws"
    assert (folder / "big.yaml").read_bytes() == content
    assert (world.root / "usr/local/bin/k3s").read_bytes() == K3S


def test_a_bucket_that_stays_closed_is_named_after_a_minute(world: World) -> None:
    world.refused_objects = 1000
    world.configure(
        "server",
        k3s={"version": "v1", "sources": ["s3://the-bucket/k3s/y/k3s"], "sha256": "0" * 64},
    )
    began = world.clock.now
    assert world.boot() == 1
    assert world.cause() == ("download-k3s", "s3://the-bucket/k3s/y/k3s answered 403")
    assert 60 <= world.clock.now - began < 80


def restarts(world: World) -> list[list[str]]:
    return [words for words in world.systemd.commands if words[1:3] == ["restart", "--no-block"]]


@pytest.mark.parametrize(("role", "unit"), [("server", "k3s"), ("agent", "k3s-agent")])
def test_the_unit_runs_k3s_in_its_role_and_is_started_without_blocking(
    world: World, role: str, unit: str
) -> None:
    world.configure(role)
    world.boot()
    text = (world.root / f"etc/systemd/system/{unit}.service").read_text()
    assert f"ExecStart=/usr/local/bin/k3s {role}\n" in text
    assert "Type=notify\n" in text
    assert ["systemctl", "restart", "--no-block", unit] in world.systemd.commands
    assert ["systemctl", "enable", unit] in world.systemd.commands


def test_k3s_dumps_no_core(world: World) -> None:
    """One would hold the authority's keys and every token, for whoever may read it."""
    world.configure("server")
    world.boot()
    text = (world.root / "etc/systemd/system/k3s.service").read_text()
    assert "LimitCORE=0\n" in text


def test_k3s_is_installed_executable_with_kubectl_beside_it(world: World) -> None:
    world.configure("server")
    world.boot()
    binary = world.root / "usr/local/bin/k3s"
    assert binary.read_bytes() == K3S
    assert mode(binary) == 0o755
    assert Path("k3s") == (binary.parent / "kubectl").readlink()


def test_ssh_is_restarted_with_our_key_before_anything_else_is_fetched(world: World) -> None:
    world.configure("server")
    world.boot()
    ours = [words for words in world.systemd.commands if words[-1] == "ssh.service"]
    assert ours[1:] == [
        ["systemctl", "reset-failed", "ssh.service"],
        ["systemctl", "restart", "--no-block", "ssh.service"],
    ]
    assert (world.root / "etc/ssh/ssh_host_ed25519_key.pub").read_text() == "ssh-ed25519 AAAA\n"


def test_a_machine_whose_unit_is_called_sshd_is_served_too(world: World) -> None:
    world.systemd.ssh_units = ("sshd.service",)
    world.configure("server")
    assert world.boot() == 0
    assert world.systemd.restarts("sshd.service") == 1


@pytest.mark.parametrize("role", ["server", "agent"])
def test_a_second_run_changes_nothing(world: World, role: str) -> None:
    world.configure(role)
    world.boot()
    unit = "k3s" if role == "server" else "k3s-agent"
    world.systemd.commands.clear()
    assert world.boot() == 0
    assert (world.systemd.restarts(unit), world.systemd.restarts("ssh.service")) == (0, 0)
    assert len(world.downloads["/good/k3s"].ranges) == 1
    assert world.report["state"] == "done"


def test_a_second_run_leaves_equal_files_untouched(world: World) -> None:
    """A unit that was only written again would make systemd ask for a reload."""
    world.configure("server")
    world.boot()
    unit = world.root / "etc/systemd/system/k3s.service"
    before = unit.stat().st_ino
    world.boot()
    assert unit.stat().st_ino == before


def test_a_secret_with_too_wide_a_mode_is_put_right(world: World) -> None:
    world.configure("server")
    world.boot()
    token = world.root / "etc/rancher/k3s/token"
    token.chmod(0o644)
    world.boot()
    assert mode(token) == 0o600


def test_another_configuration_restarts_k3s_once(world: World) -> None:
    world.configure("server")
    world.boot()
    world.configure("server", config={"node-ip": "10.64.0.10", "node-label": ["a=b"]})
    assert world.boot() == 0
    assert world.systemd.restarts("k3s") == 2


def test_another_binary_is_fetched_and_started(world: World) -> None:
    world.configure("server")
    world.boot()
    newer = K3S + b"newer"
    world.downloads["/newer/k3s"] = Download(newer)
    sha256 = hashlib.sha256(newer).hexdigest()
    source = f"{world.url}/newer/k3s"
    world.configure("server", k3s={"version": "v2", "sources": [source], "sha256": sha256})
    assert world.boot() == 0
    assert newer == (world.root / "usr/local/bin/k3s").read_bytes()
    assert world.systemd.restarts("k3s") == 2


def test_a_run_that_was_cut_off_before_the_start_is_completed(world: World) -> None:
    world.systemd.starts = False
    world.configure("server")
    world.boot()
    world.systemd.starts = True
    assert world.boot() == 0
    assert world.systemd.restarts("k3s") == 2


def test_a_binary_that_is_on_the_machine_already_is_not_fetched(world: World) -> None:
    binary = world.root / "usr/local/bin/k3s"
    binary.parent.mkdir(parents=True)
    binary.write_bytes(K3S)
    world.configure("server")
    assert world.boot() == 0
    assert world.downloads["/good/k3s"].ranges == []


def test_the_authority_of_another_cluster_is_not_overwritten(
    world: World, other_authority: Authority
) -> None:
    path = world.root / "var/lib/rancher/k3s/server/tls/server-ca.crt"
    path.parent.mkdir(parents=True)
    path.write_text(other_authority.certificate)
    world.configure("server")
    assert world.boot() == 1
    expected = "/var/lib/rancher/k3s/server/tls/server-ca.crt belongs to another cluster"
    assert ("secrets", expected) == world.cause()
    assert other_authority.certificate == path.read_text()


def test_a_second_run_leaves_the_report_of_the_first_alone(world: World) -> None:
    world.configure("server")
    lock = world.root / "run/k3s-aws.lock"
    lock.parent.mkdir()
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert world.boot() == 1
    assert not (world.root / "var/lib/k3s-aws/report.json").exists()
    assert "another boot run does not end: waited 600 s" in world.said[-1]


@pytest.mark.parametrize("role", ["server", "agent"])
def test_no_secret_is_shown_anywhere(world: World, role: str) -> None:
    key_line = world.authority.key.splitlines()[1]
    world.systemd.starts = False
    world.systemd.journal = [
        f"level=fatal token={SERVER_PASSWORD} {world.agent_token} {key_line} {SECRET_KEY}"
    ]
    world.configure(role)
    world.boot()
    shown = "\n".join(
        [json.dumps(world.report), *world.said, *map(" ".join, world.systemd.commands)]
    )
    secrets = [AGENT_PASSWORD, SECRET_KEY, SESSION_TOKEN, "host-key-body"]
    if role == "server":
        secrets += [SERVER_PASSWORD, key_line]
    assert [secret for secret in secrets if secret in shown] == []
    assert ACCESS_KEY not in shown
    assert "[secret]" in world.cause()[1]


@pytest.mark.parametrize("role", ["server", "agent"])
def test_a_new_k3s_is_unpacked_before_it_is_started(world: World, role: str) -> None:
    world.configure(role)
    assert world.boot() == 0
    binary = str(world.root / "usr/local/bin/k3s")
    unpack = world.systemd.commands.index([binary, "kubectl", "version", "--client"])
    unit = "k3s" if role == "server" else "k3s-agent"
    assert unpack < world.systemd.commands.index(["systemctl", "restart", "--no-block", unit])
    world.boot()
    assert world.systemd.commands.count([binary, "kubectl", "version", "--client"]) == 1


def test_a_command_that_does_not_run_is_a_failed_command(tmp_path: Path) -> None:
    code, said = boot.run_command([str(tmp_path / "missing")])
    assert code == 126
    assert "No such file or directory" in said


def test_the_unit_of_the_first_boot_is_disabled_when_it_is_done_and_not_before(
    world: World,
) -> None:
    """A machine that restarts in the middle goes on with it."""
    link = world.root / "etc/systemd/system/multi-user.target.wants/k3s-aws-boot.service"
    disable = ["systemctl", "disable", "k3s-aws-boot.service"]
    link.parent.mkdir(parents=True)
    link.touch()
    world.systemd.starts = False
    world.configure("server")
    assert world.boot() == 1
    assert disable not in world.systemd.commands
    world.systemd.starts = True
    assert world.boot() == 0
    assert world.systemd.commands.count(disable) == 1
    link.unlink()
    assert world.boot() == 0
    assert world.systemd.commands.count(disable) == 1
