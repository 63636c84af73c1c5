"""k3s on disk: its binary, its configuration and its unit."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boot import files, secrets, tokens
from boot.download import Download
from boot.machine import Machine

BINARY = "usr/local/bin/k3s"
UNIT = """\
[Unit]
Description=k3s {role}
Wants=network-online.target
After=network-online.target

[Service]
{environment}Type=notify
EnvironmentFile=-/etc/default/%N
EnvironmentFile=-/etc/sysconfig/%N
KillMode=process
Delegate=yes
User=root
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=0
TasksMax=infinity
TimeoutStartSec=0
Restart=always
RestartSec=5s
RuntimeMaxSec=60d
RuntimeRandomizedExtraSec=20d
ExecStartPre=-/sbin/modprobe -a br_netfilter overlay
ExecStart=/usr/local/bin/k3s {role}

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class Configuration:
    """The files that k3s and systemd read; `registries` is empty where node.json has none."""

    config: str
    unit: str
    registries: str

    def hash(self, machine: Machine) -> str:
        """A hash of the files, the binary and a server's tokens; k3s restarts when it changes."""
        # An agent that has joined no longer needs its token; a server reads its own at the start.
        used = tokens.read(machine).values() if machine.role == "server" else ()
        parts = [machine.node.k3s["sha256"], self.config, self.unit, self.registries, *used]
        return hashlib.sha256("\n".join(filter(None, parts)).encode()).hexdigest()


def download(machine: Machine) -> None:
    """The pinned binary, verified, beside the installed one where that is another."""
    wanted, binary, new = machine.node.k3s, machine.path(BINARY), _new_binary(machine)
    if files.has_sha256(binary, wanted["sha256"]):
        # One of a change that was refused, and then reverted.
        new.unlink(missing_ok=True)
    elif not files.has_sha256(new, wanted["sha256"]):
        binary.parent.mkdir(parents=True, exist_ok=True)
        part = binary.with_name(".k3s.part")
        Download(machine, wanted["sha256"], part).from_first(wanted["sources"], "k3s")
        part.chmod(0o755)
        part.replace(new)
        if not (machine.node.may_create_cluster or binary.exists()):
            # While a machine waits for a server.
            unpack(machine)


def installed_version(machine: Machine) -> str:
    """The version of the binary in place; empty where there is none."""
    # k3s version v1.36.4+k3s1 (0ffd67db)
    code, text = machine.environment.run([str(machine.path(BINARY)), "--version"])
    return text.split()[2] if code == 0 else ""


def unpack(machine: Machine) -> None:
    """
    Has the new binary unpack itself, as k3s does when any of its programs is called first.

    What fails here fails again at the start, with k3s's own message.
    """
    machine.environment.run([str(_new_binary(machine)), "kubectl", "version", "--client"])


def configuration(machine: Machine) -> Configuration:
    """Renders k3s's files from node.json and the secrets."""
    variables = machine.node.k3s.get("environment", {})
    lines = [f"Environment={name}={value}\n" for name, value in variables.items()]
    return Configuration(
        config=json.dumps(config(machine), indent=1) + "\n",
        unit=UNIT.format(
            role=machine.role,
            environment="".join(lines),
        ),
        registries=_registries(machine),
    )


def config(machine: Machine) -> dict[str, Any]:
    """The content of config.yaml."""
    node = machine.node
    optional = {
        "node-external-ip": node.public_ip,
        "node-label": [f"{key}={value}" for key, value in node.labels.items()],
        "node-taint": ["{key}={value}:{effect}".format(**each) for each in node.taints],
    }
    content = {
        **node.config,
        "node-name": machine.node_name,
        "node-ip": node.private_ip,
        **{key: value for key, value in optional.items() if value},
        "token-file": "/etc/rancher/k3s/token",
    }
    if machine.role == "agent":
        return content
    names = [node.public_ip, node.private_ip, *node.config.get("tls-san", ())]
    if node.may_create_cluster and node.server_urls:
        # With data in SQLite k3s moves it to etcd; with a server to join, or with etcd's data, it
        # has no effect.
        content["cluster-init"] = True
    return {
        **content,
        # Without it k3s advertises the external address, and pods cannot reach the API there.
        "advertise-address": node.private_ip,
        "tls-san": [name for name in names if name],
        "agent-token-file": "/etc/rancher/k3s/agent-token",
    }


def paths(machine: Machine) -> Sequence[Path]:
    """The binary, config.yaml, registries.yaml and the unit: what is changed together."""
    folder, unit = "etc/rancher/k3s", f"etc/systemd/system/{machine.k3s_unit}.service"
    names = (BINARY, f"{folder}/config.yaml", f"{folder}/registries.yaml", unit)
    return [machine.path(each) for each in names]


def install(machine: Machine) -> None:
    """Puts the configured files in place, with kubectl as a link to the binary."""
    content, wanted = configuration(machine), machine.node.k3s
    binary, config, registries, unit = paths(machine)
    if _new_binary(machine).exists():
        _new_binary(machine).replace(binary)
    if not binary.with_name("kubectl").exists():
        binary.with_name("kubectl").symlink_to("k3s")
    files.write(config, content.config, 0o600)
    if content.registries or registries.exists():
        files.write(registries, content.registries, 0o600)
    files.write(unit, content.unit, 0o644)
    machine.report.content["k3s"] = {"version": wanted["version"], "sha256": wanted["sha256"]}


def set_server(machine: Machine, url: str) -> None:
    """Writes the server to join to a file of its own: its change does not restart k3s."""
    files.write(_server_file(machine), json.dumps({"server": url}) + "\n", 0o600)


def server_of(machine: Machine) -> str | None:
    """The server that the machine joined."""
    text = files.read(_server_file(machine))
    return json.loads(text)["server"] if text else None


def _new_binary(machine: Machine) -> Path:
    return machine.path(BINARY).with_name(".k3s.new")


def _server_file(machine: Machine) -> Path:
    return machine.path("etc/rancher/k3s/config.yaml.d/10-server.yaml")


def _registries(machine: Machine) -> str:
    """registries.yaml with the passwords in it."""
    if machine.node.registries is None:
        return ""
    found: dict[str, Any] = dict(machine.node.registries)
    configs = dict(found.get("configs", {}))
    passwords = json.loads(secrets.load(machine).get("registryAuth", "{}"))
    for host, auth in passwords.items():
        login = f"{auth.get('username')}:{auth.get('password')}"
        sent = base64.b64encode(login.encode()).decode()
        for value in (*auth.values(), sent):
            # However short: people choose them.
            if value != auth.get("username"):
                machine.report.add_secret(value, 1)
        configs[host] = {**configs.get(host, {}), "auth": auth}
    return json.dumps({**found, "configs": configs} if configs else found)
