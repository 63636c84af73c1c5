"""A server is replaced, and the cluster goes on with its data: the volume changes hands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.localcloud import api_client
from tests.localcloud.running_cluster import Machine, machines_of, ready_nodes
from tests.localcloud.stacks import CLUSTER, Stack, local_cloud
from tests.localcloud.waiting import until

pytestmark = pytest.mark.localcloud

UP = ("up", "--yes", "--skip-preview")
DB = "/var/lib/rancher/k3s/server/db"
SECONDS = 120
# A server as an earlier release left it: its datastore on the root volume, the data volume blank.
AS_OF_AN_EARLIER_RELEASE = f"""
set -eu
mount=var-lib-rancher-k3s-server-db.mount
device=$(findmnt -no SOURCE {DB})
systemctl stop k3s
cp -a {DB} /var/tmp/db
rmdir /var/tmp/db/lost+found
systemctl stop $mount
rm /etc/systemd/system/$mount
rm /etc/systemd/system/k3s.service.d/10-data-volume.conf
dd if=/dev/zero of=$device bs=1M count=64 conv=fsync status=none
rmdir {DB}
mv /var/tmp/db {DB}
systemctl daemon-reload
systemctl start k3s
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with local_cloud(tmp_path_factory.mktemp("replacement")) as made:
        stack = made.create("replacement")
        yield stack


def test_a_server_that_is_replaced_keeps_its_data(stack: Stack) -> None:
    stack.pulumi(*UP)
    kubeconfig = stack.kubeconfig("adminKubeconfig")
    kubectl(stack, kubeconfig, "create", "configmap", "kept", "--from-literal=a=b")
    before = volumes(stack)
    assert [each["Encrypted"] for each in before] == [True]
    server = server_of(stack)
    assert server.run("findmnt", "-no", "FSTYPE", DB).strip() == "ext4"
    configure_servers(stack, **next_image(stack))
    with api_client.counting(kubeconfig, "the only server is replaced") as seen:
        stack.pulumi(*UP)
    assert seen.lost == set()
    assert server_of(stack).instance_id != server.instance_id
    assert ids(volumes(stack)) == ids(before)
    assert_continues(stack, kubeconfig)

    _grows_while_it_is_used(stack, kubeconfig)
    _is_terminated_by_somebody(stack, kubeconfig)
    _moves_from_the_root_volume(stack, kubeconfig)

    assert ids(volumes(stack)) == ids(before)
    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert json.loads(stack.pulumi("stack", "export"))["deployment"].get("resources", []) == []
    assert volumes(stack) == []


def test_a_server_that_is_replaced_while_others_join_keeps_what_it_signed(stack: Stack) -> None:
    """The next machine has SQLite's data, and moves it to etcd: with the keys that it has."""
    # One that other servers can be added to.
    stack.configure(endpoint={"type": "loadBalancer"}, pools=[])
    stack.pulumi(*UP)
    kubeconfig = stack.kubeconfig("adminKubeconfig")
    kubectl(stack, kubeconfig, "create", "configmap", "kept", "--from-literal=a=b")
    signed = kubectl(stack, kubeconfig, "create", "token", "default", "--duration=24h").strip()
    assert is_accepted(stack, kubeconfig, signed)
    configure_servers(stack, count=3, **next_image(stack))
    stack.pulumi(*UP)
    assert_continues(stack, kubeconfig)
    assert is_accepted(stack, kubeconfig, signed)
    stack.pulumi("destroy", "--yes", "--skip-preview")


def _grows_while_it_is_used(stack: Stack, kubeconfig: Path) -> None:
    server, started = server_of(stack), start_of_k3s(stack)
    configure_servers(stack, dataVolumeGib=12)
    with api_client.counting(kubeconfig, "the data volume grows") as seen:
        stack.pulumi(*UP)
    assert seen.lost == set()
    assert server_of(stack).instance_id == server.instance_id
    if can_grow_mounted():
        assert (seen.failed_writes, start_of_k3s(stack)) == (0, started)
    assert [each["Size"] for each in volumes(stack)] == [12]
    assert int(server.run("df", "--output=size", "-B1G", DB).split()[-1]) in (11, 12)


def _is_terminated_by_somebody(stack: Stack, kubeconfig: Path) -> None:
    server = server_of(stack)
    with api_client.counting(kubeconfig, "the only server is terminated and replaced") as seen:
        stack.terminate(server.instance_id)
        stack.pulumi("up", "--yes", "--skip-preview", "--refresh")
    assert seen.lost == set()
    assert server_of(stack).instance_id != server.instance_id
    assert_continues(stack, kubeconfig)


def _moves_from_the_root_volume(stack: Stack, kubeconfig: Path) -> None:
    server = server_of(stack)
    server.run("sh", "-c", AS_OF_AN_EARLIER_RELEASE)
    configure_servers(stack, labels={"example.com/moved": "true"})
    with api_client.counting(kubeconfig, "the datastore moves to its volume") as seen:
        stack.pulumi(*UP)
    assert seen.lost == set()
    assert server_of(stack).instance_id == server.instance_id
    assert server.run("findmnt", "-no", "FSTYPE", DB).strip() == "ext4"
    assert "db-before-volume" not in server.run("ls", f"{DB}/..")
    assert_continues(stack, kubeconfig)


def assert_continues(stack: Stack, kubeconfig: Path) -> None:
    """The same objects by the same kubeconfig, every node Ready, and each an instance."""
    data = kubectl(stack, kubeconfig, "get", "configmap", "kept", "-o", "json")
    assert json.loads(data)["data"] == {"a": "b"}
    names = {node["name"] for node in stack.nodes()}
    assert {name[-8:] for name in names} == {each[-8:] for each in running_instances(stack)}
    until(
        lambda: ready_nodes(stack, kubeconfig) == dict.fromkeys(names, True),
        lambda: ready_nodes(stack, kubeconfig),
        deadline_seconds=SECONDS,
    )
    assert set(stack.summary()) == {"same"}


def kubectl(stack: Stack, kubeconfig: Path, *words: str) -> str:
    done = stack.kubectl_as(kubeconfig, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def is_accepted(stack: Stack, kubeconfig: Path, token: str) -> bool:
    """Whether the API server knows the token of a service account as its own."""
    review = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token},
    }
    file = stack.folder / "review.json"
    file.write_text(json.dumps(review))
    found = json.loads(kubectl(stack, kubeconfig, "create", "-f", str(file), "-o", "json"))
    return bool(found["status"].get("authenticated"))


def server_of(stack: Stack) -> Machine:
    return next(each for each in machines_of(stack) if each.role == "server")


def can_grow_mounted() -> bool:
    """Whether this host may have the kernel grow a mounted file system: CAP_SYS_RESOURCE."""
    status = Path("/proc/self/status").read_text()
    bounding = next(line for line in status.splitlines() if line.startswith("CapBnd:"))
    return bool(int(bounding.split()[1], 16) >> 24 & 1)


def start_of_k3s(stack: Stack) -> str:
    return server_of(stack).run(
        "systemctl", "show", "--value", "-p", "ExecMainStartTimestampMonotonic", "k3s"
    )


def running_instances(stack: Stack) -> set[str]:
    found = stack.client("ec2").describe_instances(
        Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    )
    return {each["InstanceId"] for one in found["Reservations"] for each in one["Instances"]}


def volumes(stack: Stack) -> list[dict[str, Any]]:
    """The cluster's data volumes."""
    wanted = {"Name": "tag:Name", "Values": [f"{stack.name}-servers-0-data"]}
    found: list[dict[str, Any]] = stack.client("ec2").describe_volumes(Filters=[wanted])["Volumes"]
    return found


def ids(volumes: list[dict[str, Any]]) -> list[str]:
    return [each["VolumeId"] for each in volumes]


def next_image(stack: Stack) -> dict[str, Any]:
    """What has the servers replaced, whatever happened before."""
    servers = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER].get("servers", {})
    return {"image": {"generation": servers.get("image", {}).get("generation", 1) + 1}}


def configure_servers(stack: Stack, **changes: Any) -> None:
    servers = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER].get("servers", {})
    stack.configure(servers={**servers, **changes})
