"""The manifests that a server's k3s applies."""

from __future__ import annotations

import shutil
from pathlib import Path

from boot import files
from boot.download import Download
from boot.machine import Machine


def _folder(machine: Machine) -> Path:
    return machine.server_data / "manifests/k3s-aws"


def are_configured(machine: Machine) -> bool:
    """Whether there are some, or were: k3s must not apply those removed from node.json again."""
    return machine.node.manifests is not None or _folder(machine).exists()


def download(machine: Machine) -> None:
    """Downloads the large manifests that differ from the installed ones."""
    for name, manifest in (machine.node.manifests or {}).items():
        if "source" in manifest:
            part = _downloaded(machine) / name
            if not files.has_sha256(_folder(machine) / name, manifest["sha256"]):
                part.parent.mkdir(parents=True, exist_ok=True)
                received = Download(machine, manifest["sha256"], part)
                received.from_first([manifest["source"]], name)


def install(machine: Machine) -> None:
    """Writes exactly the configured manifests; a running k3s applies them within seconds."""
    wanted = machine.node.manifests or {}
    for old in _folder(machine).glob("*"):
        if old.name not in wanted:
            old.unlink()
    for name, manifest in wanted.items():
        content = manifest.get("content") or files.read(_downloaded(machine) / name)
        if content:
            files.write(_folder(machine) / name, content, 0o600)
    shutil.rmtree(_downloaded(machine), ignore_errors=True)


def _downloaded(machine: Machine) -> Path:
    return machine.path("var/lib/k3s-aws/manifests")
