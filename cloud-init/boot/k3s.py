"""k3s on disk: its binary, its configuration, its unit and the manifests that it applies."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boot import files, secrets, systemd, tokens
from boot.download import Download
from boot.machine import Machine

UNIT = """\
[Unit]
Description=k3s {role}
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
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
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStartPre=-/sbin/modprobe overlay
ExecStart=/usr/local/bin/k3s {role}

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class Configuration:
    """The texts that k3s and systemd read; `registries` is empty where node.json has none."""

    config: str
    unit: str
    registries: str

    def hash(self, machine: Machine) -> str:
        """Another one requires another start of k3s."""
        # An agent that has joined needs its token no more; a server takes others at its start.
        used = tokens.read(machine).values() if machine.role == "server" else ()
        parts = [machine.node.k3s_sha256, self.config, self.unit, self.registries, *used]
        return hashlib.sha256("\n".join(filter(None, parts)).encode()).hexdigest()


def install(machine: Machine) -> None:
    """The pinned binary, with kubectl as a link to it."""
    node, target = machine.node, machine.path("usr/local/bin/k3s")
    if not target.exists() or files.sha256_of(target).hexdigest() != node.k3s_sha256:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(".k3s.part")
        Download(machine, node.k3s_sha256, part).from_first(node.k3s_sources, "k3s")
        part.chmod(0o755)
        part.replace(target)
        # k3s unpacks itself when any of its programs is called first: now, while an agent waits
        # for its server, or before a running k3s is stopped. What fails here fails at the start
        # again, with k3s's own message.
        machine.environment.run([str(target), "kubectl", "version", "--client"])
    machine.report.content["k3s"] = {"version": node.k3s_version, "sha256": node.k3s_sha256}
    if not target.with_name("kubectl").exists():
        target.with_name("kubectl").symlink_to("k3s")


def configuration(machine: Machine) -> Configuration:
    """What node.json and the secrets make of k3s's files."""
    config = {
        **machine.node.config,
        "node-name": machine.node_name,
        "token-file": "/etc/rancher/k3s/token",
    }
    if machine.role == "server":
        config["agent-token-file"] = "/etc/rancher/k3s/agent-token"
    else:
        config["server"] = machine.node.join_url
    return Configuration(
        config=json.dumps(config, indent=1) + "\n",
        unit=UNIT.format(role=machine.role),
        registries=_registries(machine),
    )


def configure(machine: Machine) -> None:
    """Writes the configuration and the unit."""
    texts, folder = configuration(machine), machine.path("etc/rancher/k3s")
    files.write(folder / "config.yaml", texts.config, 0o600)
    if texts.registries or (folder / "registries.yaml").exists():
        files.write(folder / "registries.yaml", texts.registries, 0o600)
    unit = machine.path(f"etc/systemd/system/{machine.k3s_unit}.service")
    files.write(unit, texts.unit, 0o644)
    # Here, so that an agent has done it when its server is ready.
    systemd.systemctl(machine, "daemon-reload")


def _registries(machine: Machine) -> str:
    """registries.yaml with the passwords in it."""
    if machine.node.registries is None:
        return ""
    found: dict[str, Any] = dict(machine.node.registries)
    configs = dict(found.get("configs", {}))
    passwords = json.loads(secrets.load(machine).get("registryAuth", "{}"))
    for host, auth in passwords.items():
        configs[host] = {**configs.get(host, {}), "auth": auth}
    return json.dumps({**found, "configs": configs} if configs else found)


def _manifests(machine: Machine) -> Path:
    return machine.server_data / "manifests/k3s-aws"


def has_manifests(machine: Machine) -> bool:
    """Whether there are some, or were: those removed from node.json are not to be applied again."""
    configured = machine.node.manifests is not None or _manifests(machine).exists()
    return machine.role == "server" and configured


def install_manifests(machine: Machine) -> None:
    """Makes the folder hold exactly the configured ones, the large ones from their sources."""
    wanted = machine.node.manifests or {}
    for old in _manifests(machine).glob("*"):
        if old.name not in wanted:
            old.unlink()
    for name, manifest in wanted.items():
        content = manifest.get("content")
        if content is None:
            part = machine.path("var/lib/k3s-aws/manifest.part")
            download = Download(machine, manifest["sha256"], part)
            download.from_first([manifest["source"]], name)
            content = part.read_text()
            part.unlink()
        files.write(_manifests(machine) / name, content, 0o600)
