"""The manifests that a server's k3s applies."""

from __future__ import annotations

from pathlib import Path

from boot import files
from boot.download import Download
from boot.machine import Machine


def _folder(machine: Machine) -> Path:
    return machine.server_data / "manifests/k3s-aws"


def are_configured(machine: Machine) -> bool:
    """Whether there are some, or were: k3s must not apply those removed from node.json again."""
    return machine.node.manifests is not None or _folder(machine).exists()


def install(machine: Machine) -> None:
    """Writes exactly the configured manifests, the large ones from their sources."""
    wanted = machine.node.manifests or {}
    for old in _folder(machine).glob("*"):
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
        files.write(_folder(machine) / name, content, 0o600)
