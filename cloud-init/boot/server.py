"""What servers do: they have a datastore, and the tokens that it stores."""

from __future__ import annotations

import json
import shutil

from boot import (
    backups,
    data_version,
    datastore,
    files,
    k3s,
    manifests,
    readiness,
    restoring,
    secrets,
    snapshot,
    start,
    tokens,
    volume,
)
from boot.machine import Machine
from boot.phases import Phase
from boot.waiting import BootError

try:
    from boot import rotation
except ImportError:
    # The provider brings it along with a change; user data has no room for it.
    rotation = None  # type: ignore[assignment]


def install_secrets(machine: Machine) -> None:
    # The authority is asked for only until k3s has run, and is not kept in secrets.json.
    secrets.load(machine, [key for key in machine.node.parameters if key != "authority"])
    _install_authority(machine)
    if tokens.are_recorded(machine):
        tokens.write(machine)


def start_k3s(machine: Machine) -> None:
    """Starts k3s, and waits until it serves the API."""
    datastore_exists = datastore.exists(machine)
    if not start.marker(machine).exists():
        # Otherwise after the start: until then the previous k3s may have to start again.
        manifests.install(machine)
    if rotation:
        rotation.prepare(machine, datastore_exists)
    tokens.write(machine)
    if restoring.is_under_way(machine):
        restoring.run(machine, "reset")
    first = machine.path("etc/rancher/k3s/config.yaml.d/20-first.yaml")
    is_new = datastore_exists and not (machine.server_data / "tls/service.key").exists()
    if is_new and "cluster-init" in k3s.config(machine):
        # k3s takes its keys out of SQLite, but makes others where it moves that to etcd at once.
        files.write(first, '{"cluster-init": false}', 0o600)
        start.restart(machine)
    first.unlink(missing_ok=True)
    start.restart(machine)
    # How often it ended until it had joined counts no longer.
    machine.environment.run(["systemctl", "reset-failed", machine.k3s_unit])
    if rotation:
        rotation.complete(machine, datastore_exists)
    tokens.record(machine)
    start.record(machine)


def finish(machine: Machine) -> None:
    """What follows when the node is Ready."""
    if restoring.is_under_way(machine):
        restoring.run(machine, "remove_nodes")
    manifests.install(machine)
    data_version.record(machine)
    shutil.rmtree(datastore.previous(machine), ignore_errors=True)


def _install_authority(machine: Machine) -> None:
    """Writes the authority until k3s has run; BootError when files of another one exist."""
    if machine.k3s_has_run:
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


FILES = (
    # Of a machine whose data may be moved to a volume next; that of a new one is on a volume.
    Phase("version", data_version.require, datastore.exists),
    Phase("manifests", manifests.download, manifests.are_configured),
    Phase("backups", backups.install, backups.are_configured),
    Phase("data-volume", volume.mount, lambda machine: bool(machine.node.data_volume)),
)
CHECKS = (
    Phase("datastore", datastore.require),
    Phase("version", data_version.require, lambda machine: not start.hash_file(machine).exists()),
    Phase("snapshot", snapshot.save, snapshot.is_needed),
)
START = (Phase("start-k3s", start_k3s), Phase("node-ready", readiness.wait_for_node))
