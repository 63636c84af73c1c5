"""Which server creates the cluster, and which would create a second one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cloud_init.authority import Authority
from tests.cloud_init.simulated_aws import INSTANCE
from tests.cloud_init.simulated_machine import SimulatedMachine

PARAMETER = "/demo/datastore"


def test_the_first_server_creates_the_cluster_while_there_is_no_data(
    machine: SimulatedMachine,
) -> None:
    machine.configure("server")
    assert machine.boot() == 0
    assert [PARAMETER] in machine.requested_parameters


def test_data_on_the_root_volume_of_another_instance_is_lost_and_created_again(
    machine: SimulatedMachine,
) -> None:
    machine.parameters[PARAMETER] = "i-0aaaaaaaaaaaaaaaa"
    machine.configure("server")
    assert machine.boot() == 0


@pytest.mark.parametrize("holder", [INSTANCE, "vol-0123456789abcdef0", "etcd"])
def test_a_server_without_data_does_not_create_a_second_cluster(
    machine: SimulatedMachine, holder: str
) -> None:
    machine.parameters[PARAMETER] = holder
    machine.configure("server")
    assert machine.boot() == 1
    phase, cause = machine.cause()
    assert phase == "datastore"
    assert cause == f"{holder} has the cluster's data by {PARAMETER}, this machine has none"
    assert machine.systemd.restarts("k3s") == 0


def test_a_server_with_data_does_not_read_the_parameter(machine: SimulatedMachine) -> None:
    machine.configure("server")
    machine.boot()
    machine.create_datastore()
    machine.parameters[PARAMETER] = "etcd"
    machine.requested_parameters.clear()
    # Another configuration, so that k3s is started again.
    machine.configure("server", labels={"a": "b"})
    assert machine.boot() == 0
    assert [PARAMETER] not in machine.requested_parameters


def test_another_server_than_the_first_creates_no_cluster(machine: SimulatedMachine) -> None:
    machine.configure("server", mayCreateCluster=False)
    assert machine.boot() == 1
    assert machine.cause() == (
        "datastore",
        "this server may not create the cluster, and has no other server to join",
    )


OWN = "https://10.64.0.10:6443"
# Nothing listens there.
ABSENT = "https://127.0.0.1:1"


def of_several(machine: SimulatedMachine, *, first: bool, other: str = "", **keys: Any) -> None:
    """Configures a server that has another one beside it."""
    urls = [OWN, other or machine.server_url]
    machine.configure("server", mayCreateCluster=first, join={"urls": urls}, **keys)


def k3s_config(machine: SimulatedMachine) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((machine.root / "etc/rancher/k3s/config.yaml").read_text())
    return content


def joined(machine: SimulatedMachine) -> str | None:
    path = machine.root / "etc/rancher/k3s/config.yaml.d/10-server.yaml"
    return json.loads(path.read_text())["server"] if path.exists() else None


def write_member(machine: SimulatedMachine, node: str) -> Path:
    """What etcd leaves of a member, on the volume of the datastore."""
    folder = machine.root / "var/lib/rancher/k3s/server/db/etcd"
    (folder / "member/wal").mkdir(parents=True)
    (folder / "name").write_text(f"{node}-0a1b2c3d")
    return folder


def test_the_first_of_several_servers_creates_etcd_while_no_other_is_ready(
    machine: SimulatedMachine,
) -> None:
    of_several(machine, first=True, other=ABSENT)
    assert machine.boot() == 0
    assert k3s_config(machine)["cluster-init"] is True
    assert joined(machine) is None


def test_the_other_servers_join_one_that_is_ready_and_create_nothing(
    machine: SimulatedMachine,
) -> None:
    machine.readiness = [503, 503]
    of_several(machine, first=False)
    assert machine.boot() == 0
    assert joined(machine) == machine.server_url
    assert "cluster-init" not in k3s_config(machine)
    # Nothing secret is sent before the authority is known.
    assert machine.sent_to_server[0] == ("/cacerts", None)
    assert machine.systemd.restarts("k3s") == 1


def test_a_server_waits_until_the_one_it_joins_has_etcd(machine: SimulatedMachine) -> None:
    # With SQLite the API server gets the request, for longer than a token may be refused.
    machine.etcd_statuses = [401] * 200
    of_several(machine, first=False)
    assert machine.boot() == 0
    asked = [path for path, _ in machine.sent_to_server if path == "/db/info"]
    assert len(asked) == 201


def test_a_server_that_finds_no_other_reports_why_at_its_deadline(
    machine: SimulatedMachine,
) -> None:
    of_several(machine, first=False, other=ABSENT, deadlineSeconds=30)
    assert machine.boot() == 1
    phase, cause = machine.cause()
    assert phase == "datastore"
    assert cause.startswith(f"no ready server at {ABSENT}: waited 30 s, last error: 127.0.0.1:1: ")
    assert machine.systemd.restarts("k3s") == 0


@pytest.mark.parametrize("holder", ["", "etcd", "vol-0123456789abcdef0"])
def test_the_first_server_joins_where_the_cluster_exists(
    machine: SimulatedMachine, holder: str
) -> None:
    """Without a record too: it is made a moment after the cluster."""
    if holder:
        machine.parameters[PARAMETER] = holder
    of_several(machine, first=True)
    assert machine.boot() == 0
    assert joined(machine) == machine.server_url


def test_a_first_server_that_finds_another_authority_creates_nothing(
    machine: SimulatedMachine, other_authority: Authority
) -> None:
    machine.cacerts = other_authority.certificate
    of_several(machine, first=True)
    assert machine.boot() == 1
    assert "another authority" in machine.cause()[1]


def test_the_data_of_the_machine_before_is_removed_and_the_others_are_joined(
    machine: SimulatedMachine,
) -> None:
    folder = write_member(machine, "demo-servers-0fffffff")
    machine.parameters[PARAMETER] = "etcd"
    of_several(machine, first=True)
    assert machine.boot() == 0
    assert not folder.exists()
    assert joined(machine) == machine.server_url


@pytest.mark.parametrize("first", [True, False])
def test_the_data_of_the_machine_before_is_kept_while_no_other_server_is_ready(
    machine: SimulatedMachine, first: bool
) -> None:
    """All servers or most of them were lost, and what is on their volumes is the cluster."""
    folder = write_member(machine, "demo-servers-0fffffff")
    machine.parameters[PARAMETER] = "etcd"
    of_several(machine, first=first, other=ABSENT, deadlineSeconds=30)
    assert machine.boot() == 1
    assert (folder / "member/wal").exists()
    phase, cause = machine.cause()
    assert phase == "datastore"
    assert cause.startswith(
        f"no ready server at {ABSENT}, the data of demo-servers-0fffffff-0a1b2c3d is kept: "
        "waited 30 s, last error: "
    )
    assert machine.systemd.restarts("k3s") == 0


def test_the_data_of_a_member_is_kept_until_the_cluster_has_removed_it(
    machine: SimulatedMachine,
) -> None:
    folder = write_member(machine, "demo-servers-0fffffff")
    machine.members.append("demo-servers-0fffffff-0a1b2c3d")
    of_several(machine, first=True, deadlineSeconds=30)
    assert machine.boot() == 1
    assert (folder / "member/wal").exists()
    _, cause = machine.cause()
    assert "demo-servers-0fffffff-0a1b2c3d is a member still: kubectl delete node" in cause
    machine.members.pop()
    assert machine.boot() == 0
    assert not folder.exists()


def test_the_data_of_a_member_is_kept_while_etcd_has_no_majority(
    machine: SimulatedMachine,
) -> None:
    """k3s then has no list of the members, and is ready for a while yet."""
    folder = write_member(machine, "demo-servers-0fffffff")
    machine.etcd_statuses = [500] * 200
    of_several(machine, first=True, deadlineSeconds=30)
    assert machine.boot() == 1
    assert (folder / "member/wal").exists()


@pytest.mark.parametrize("is_moving", [True, False])
def test_incomplete_data_of_etcd_of_the_machine_before_is_removed(
    machine: SimulatedMachine, is_moving: bool
) -> None:
    """It never was a member: without data, or while the data is SQLite's yet."""
    folder = write_member(machine, "demo-servers-0fffffff")
    if is_moving:
        (folder.parent / "state.db").touch()
    else:
        shutil.rmtree(folder / "member")
    of_several(machine, first=True, other=ABSENT)
    assert machine.boot() == 0
    assert not folder.exists()
    assert joined(machine) is None


@pytest.mark.parametrize("node", ["demo-servers-0fffffff", f"demo-servers-{INSTANCE[-8:]}"])
def test_a_server_with_data_of_etcd_does_not_become_the_only_one(
    machine: SimulatedMachine, node: str
) -> None:
    """The others may be members of which no state knows, and go with that update."""
    folder = write_member(machine, node)
    machine.configure("server")
    assert machine.boot() == 1
    cause = "the datastore is etcd: set servers.count to 3 or 5"
    assert machine.cause() == ("datastore", cause)
    assert (folder / "member/wal").exists()
    assert machine.systemd.restarts("k3s") == 0


def test_a_server_whose_node_was_deleted_joins_again(machine: SimulatedMachine) -> None:
    of_several(machine, first=True, other=ABSENT)
    assert machine.boot() == 0
    folder = write_member(machine, f"demo-servers-{INSTANCE[-8:]}")
    (folder / "tombstone").touch()
    machine.parameters[PARAMETER] = "etcd"
    # IAM denies it to a machine that has joined.
    machine.rejections = [(400, "AccessDeniedException")] * 100
    machine.requested_parameters.clear()
    of_several(machine, first=True)
    machine.systemd.run(["systemctl", "stop", "k3s"])
    assert machine.boot() == 0
    assert not folder.exists()
    assert joined(machine) == machine.server_url
    assert [PARAMETER] not in machine.requested_parameters


def test_a_server_with_its_own_data_starts_with_it(machine: SimulatedMachine) -> None:
    folder = write_member(machine, f"demo-servers-{INSTANCE[-8:]}")
    of_several(machine, first=False, other=ABSENT)
    assert machine.boot() == 0
    assert folder.exists()
    assert joined(machine) is None


def test_a_single_server_with_data_becomes_the_first_of_several(machine: SimulatedMachine) -> None:
    machine.configure("server")
    assert machine.boot() == 0
    machine.create_datastore()
    of_several(machine, first=True, other=ABSENT)
    assert machine.boot() == 0
    assert k3s_config(machine)["cluster-init"] is True
    assert machine.systemd.restarts("k3s") == 2


def test_data_of_a_machine_before_is_moved_to_etcd_only_with_its_keys(
    machine: SimulatedMachine,
) -> None:
    """k3s takes the keys out of SQLite, but makes others where it moves that to etcd at once."""
    key = machine.root / "var/lib/rancher/k3s/server/tls/service.key"
    data = machine.root / "var/lib/rancher/k3s/server/db"
    data.mkdir(parents=True)
    (data / "state.db").touch()
    found = []

    before = machine.systemd.on_k3s_start

    def start() -> None:
        before()
        drop_ins = sorted((machine.root / "etc/rancher/k3s/config.yaml.d").glob("*.yaml"))
        found.append([json.loads(each.read_text()) for each in drop_ins])
        key.parent.mkdir(exist_ok=True)
        key.touch()

    machine.systemd.on_k3s_start = start
    of_several(machine, first=True, other=ABSENT)
    assert machine.boot() == 0
    assert k3s_config(machine)["cluster-init"] is True
    assert found == [[{"cluster-init": False}], []]


@pytest.mark.parametrize(("first", "result"), [(False, 0), (True, 1)])
def test_k3s_may_end_while_another_server_is_being_promoted(
    machine: SimulatedMachine, first: bool, result: int
) -> None:
    """etcd takes one new member at a time; k3s of the next one ends and is started again."""
    machine.systemd.ends_at_start = 12
    of_several(machine, first=first, other=ABSENT if first else "")
    assert machine.boot() == result


def test_a_server_with_other_settings_than_the_others_does_not_try_for_long(
    machine: SimulatedMachine,
) -> None:
    """Of old user data, for example: the provider brings the others while it still waits."""
    machine.systemd.ends_at_start = 3
    rejection = "critical configuration value mismatch between servers"
    machine.systemd.journal = [f'level=fatal msg="{rejection}"', "Started k3s."]
    of_several(machine, first=False)
    assert machine.boot() == 1
    phase, cause = machine.cause()
    assert phase == "start-k3s"
    assert cause.startswith("k3s.service does not start; its journal: ")
    assert rejection in cause
