"""The secrets of this machine."""

from __future__ import annotations

import json
from collections.abc import Sequence

from boot import files
from boot.machine import Machine


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
