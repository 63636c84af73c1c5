"""The secrets of this machine, and the authority of its cluster."""

from __future__ import annotations

import json
from collections.abc import Sequence

from boot import files
from boot.machine import Machine
from boot.waiting import BootError


def load(machine: Machine, keys: Sequence[str] = ()) -> dict[str, str]:
    """
    What secrets.json has, and those of `keys` that it lacks from SSM.

    SSM rejects a machine whose node has joined; what changes later is written by the provider.
    """
    path = machine.path("etc/k3s-aws/secrets.json")
    found: dict[str, str] = json.loads(files.read(path) or "{}")
    names = {key: machine.node.parameters[key] for key in keys if key not in found}
    if names:
        values = machine.aws.parameters(list(names.values()))
        found.update({key: values[name] for key, name in names.items()})
        files.write(path, json.dumps(found), 0o600)
    for value in found.values():
        machine.report.add_secret(value)
    return found


def install_authority(machine: Machine) -> None:
    """Writes the authority until k3s has run; BootError when files of another one exist."""
    if machine.path("var/lib/k3s-aws/running").exists():
        return
    parameter = machine.node.parameters["authority"]
    for name, content in json.loads(machine.aws.parameters([parameter])[parameter]).items():
        machine.report.add_secret(content)
        path = machine.server_data / "tls" / name
        if not path.exists():
            files.write(path, content, 0o600)
        elif files.read(path).strip() != content.strip():
            absolute = f"/{path.relative_to(machine.environment.root)}"
            raise BootError(f"{absolute} belongs to another cluster")
    machine.server_data.chmod(0o700)
