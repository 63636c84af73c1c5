"""k3s's join tokens and their files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from boot import files, secrets
from boot.machine import Machine


def read(machine: Machine) -> Mapping[str, str]:
    """The tokens of this role by the names of their files; redacted, their passwords too."""
    found = secrets.load(machine)
    machine.report.add_secret(password_of(found["token"]))
    if machine.role == "agent":
        return {"token": found["token"]}
    return {"token": found["token"], "agent-token": found["agentToken"]}


def password_of(token: str) -> str:
    """The password of a join token in either form."""
    return token.rsplit(":", 1)[-1]


def write(machine: Machine) -> None:
    for name, token in read(machine).items():
        files.write(_folder(machine) / name, token + "\n", 0o600)


def record(machine: Machine) -> None:
    """Records that k3s and its datastore have these tokens."""
    files.write(_hash_file(machine), _hash(machine), 0o600)


def are_recorded(machine: Machine) -> bool:
    """Whether k3s and its datastore have exactly these tokens."""
    return files.read(_hash_file(machine)) == _hash(machine)


def _hash_file(machine: Machine) -> Path:
    return machine.path("var/lib/k3s-aws/tokens")


def _hash(machine: Machine) -> str:
    return hashlib.sha256("\n".join(read(machine).values()).encode()).hexdigest()


def _folder(machine: Machine) -> Path:
    return machine.path("etc/rancher/k3s")
