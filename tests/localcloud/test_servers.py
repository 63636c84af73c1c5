"""Three servers behind a load balancer on the local cloud, and what a client sees of changes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from localcloud.workbench import k3s_versions
from tests.conftest import MEASURED
from tests.localcloud.api_client import counting
from tests.localcloud.host_names import resolving
from tests.localcloud.servers import (
    kubernetes_nodes,
    nodes_equal_the_instances,
    servers,
    wait,
)
from tests.localcloud.stacks import CLUSTER, Stack, local_cloud

pytestmark = pytest.mark.localcloud

UP = ("up", "--yes", "--skip-preview")
# Of the loss of any one of several servers, and of each planned change of theirs.
GAP_SECONDS = 10
OLD, NEW = "v1.36.4+standin1", "v1.36.5+standin1"
NAME = "k3s.example.com"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with local_cloud(tmp_path_factory.mktemp("servers")) as made:
        stack = made.create("servers")
        content = configuration(stack)
        (pool,) = content["pools"]
        stack.configure(
            pools=[{**pool, "count": 1}],
        )
        yield stack


def test_three_servers_are_lost_stopped_changed_and_replaced_one_at_a_time(stack: Stack) -> None:
    stack.configure(servers={**configuration(stack)["servers"], "count": 3}, endpoint=None)
    _create(stack)
    _lose_the_first(stack)
    _refuse_other_numbers(stack)
    _stop_and_start_one(stack)
    _rotate_the_tokens(stack)
    _upgrade(stack)
    _replace_all(stack)
    _reach_them_by_a_name(stack)
    destroy(stack)


def _create(stack: Stack) -> None:
    began = time.monotonic()
    stack.pulumi(*UP)
    seconds = time.monotonic() - began
    print(f"{MEASURED}3 servers and 1 agent: all Ready {seconds:.0f} s after pulumi up")
    nodes_equal_the_instances(stack)
    assert stack.summary() == {"same": stack.summary()["same"]}


def _lose_the_first(stack: Stack) -> None:
    """The one that created the cluster, and that its configuration lets create one."""
    lost = servers(stack)[0]
    _up(stack, "one of three servers is terminated and replaced", "--refresh", terminated=lost)
    assert lost["name"] not in [each["name"] for each in servers(stack)]


def _refuse_other_numbers(stack: Stack) -> None:
    content = configuration(stack)["servers"]
    before = stack.nodes()
    for count, reason in (
        (1, "must not go from 3 to 1: etcd needs more than half of its 3 members"),
        (2, "2 servers cannot keep a majority when one is lost"),
        (4, "4 servers keep their majority through the loss of one only, as 3 do"),
    ):
        stack.configure(servers={**content, "count": count})
        assert f"cluster.servers.count: {reason}" in stack.pulumi("preview", fails=True)
    stack.configure(servers={**content, "count": 1})
    stack.pulumi(*UP, fails=True)
    assert stack.nodes() == before
    stack.configure(servers=content)
    assert stack.summary() == {"same": stack.summary()["same"]}


def _stop_and_start_one(stack: Stack) -> None:
    ec2, stopped = stack.client("ec2"), servers(stack)[1]
    ids = [stopped["instanceId"]]
    kubeconfig = stack.kubeconfig("adminKubeconfig")
    with counting(kubeconfig, "one of three servers is stopped and started") as seen:
        ec2.stop_instances(InstanceIds=ids)
        ec2.get_waiter("instance_stopped").wait(InstanceIds=ids)
        wait(lambda: stopped["privateIp"] in unhealthy(stack), "the load balancer sees no loss")
        ec2.start_instances(InstanceIds=ids)
        ec2.get_waiter("instance_running").wait(InstanceIds=ids)
        wait(lambda: not unhealthy(stack), "the stopped server is not back")
    assert seen.lost == set()
    assert seen.gap_seconds < GAP_SECONDS
    nodes_equal_the_instances(stack)


def _rotate_the_tokens(stack: Stack) -> None:
    before = {each["name"]: token(stack, each) for each in servers(stack)}
    stack.configure(rotation={"joinTokens": 2})
    _up(stack, "three servers get other join tokens")
    after = {each["name"]: token(stack, each) for each in servers(stack)}
    assert before.keys() == after.keys()
    assert len({*before.values()}) == len({*after.values()}) == 1
    assert set(before.values()).isdisjoint(after.values())


def _upgrade(stack: Stack) -> None:
    if not stack.pods_run:
        return  # A real k3s has one version here.
    k3s = configuration(stack)["k3s"]
    digest = k3s_versions.serve_standin(stack.folder / "cloud", stack.k3s, OLD, NEW)
    sha256 = dict.fromkeys(k3s["sha256"], digest)
    stack.configure(k3s={**k3s, "version": NEW, "sha256": sha256})
    _up(stack, "k3s is upgraded, three servers and an agent")
    reported = {each["status"]["nodeInfo"]["kubeletVersion"] for each in kubernetes_nodes(stack)}
    assert reported == {NEW}


def _replace_all(stack: Stack) -> None:
    before = servers(stack)
    content = configuration(stack)["servers"]
    stack.configure(servers={**content, "image": {"generation": 2}})
    _up(stack, "three servers are replaced one by one")
    assert not {each["name"] for each in before} & {each["name"] for each in servers(stack)}


def _up(stack: Stack, event: str, *words: str, terminated: dict[str, Any] | None = None) -> None:
    """`pulumi up` while a client works, which sees no gap, and afterwards nothing is left."""
    with counting(stack.kubeconfig("adminKubeconfig"), event) as seen:
        if terminated:
            stack.terminate(terminated["instanceId"])
        stack.pulumi(*UP, *words)
    assert seen.lost == set()
    assert seen.gap_seconds < GAP_SECONDS
    nodes_equal_the_instances(stack)


def _reach_them_by_a_name(stack: Stack) -> None:
    """In place, the last of the addresses first: its certificate gets the name last."""
    zones = stack.client("route53")
    made = zones.create_hosted_zone(Name="example.com", CallerReference=stack.cloud_id)
    zone = made["HostedZone"]["Id"].rpartition("/")[2]
    wanted = {"type": "dnsName", "hostname": NAME, "route53ZoneId": zone}
    addresses = [each["publicIp"] for each in servers(stack)]
    named = resolving(stack, NAME, reversed(addresses))
    before = stack.kubeconfig("adminKubeconfig")
    stack.configure(endpoint=wanted)
    began = time.monotonic()
    named.pulumi(*UP)
    print(f"{MEASURED}three servers get a DNS name: {time.monotonic() - began:.0f} s")
    listed = zones.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    (record,) = (each for each in listed if each["Type"] == "A")
    assert {each["Value"] for each in record["ResourceRecords"]} == set(addresses)
    kubeconfig = stack.kubeconfig("adminKubeconfig")
    server = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    assert server == f"https://{NAME}:6443"
    for address in addresses:
        at = (f"--server=https://{address}:6443", f"--tls-server-name={NAME}")
        assert stack.kubectl_as(kubeconfig, *at, "get", "nodes").returncode == 0
    # The load balancer of the previous kubeconfigs is gone.
    assert stack.kubectl_as(before, "get", "nodes", "--request-timeout=5s").returncode != 0


def test_one_server_becomes_three_then_five_and_three_again(stack: Stack) -> None:
    content = configuration(stack)["servers"]
    stack.configure(servers={**content, "count": 1}, endpoint=None)
    stack.pulumi(*UP)
    (first,) = servers(stack)
    _get_a_load_balancer(stack)
    for count in (3, 5, 3):
        with counting(
            stack.kubeconfig("adminKubeconfig"), f"another number of servers, {count}"
        ) as seen:
            stack.configure(servers={**content, "count": count})
            if count == 5:
                _choose_what_all_servers_share(stack)
            stack.pulumi(*UP)
        assert seen.lost == set()
        assert servers(stack)[0]["name"] == first["name"]
        nodes_equal_the_instances(stack)
        if count == 5:
            _have_been_refused_by_no_server(stack, servers(stack)[3:])
    assert stack.summary() == {"same": stack.summary()["same"]}
    destroy(stack)


def _get_a_load_balancer(stack: Stack) -> None:
    """In place: the server stays, and the kubeconfigs are other ones."""
    (server,) = servers(stack)
    before = stack.kubeconfig("adminKubeconfig")
    stack.configure(endpoint={"type": "loadBalancer"})
    with counting(before, "the only server gets a load balancer") as seen:
        stack.pulumi(*UP)
        # The rule that admits the previous clients goes at the end.
    assert seen.lost == set()
    assert [each["name"] for each in servers(stack)] == [server["name"]]
    stack.kubectl("get", "nodes")


def _choose_what_all_servers_share(stack: Stack) -> None:
    k3s = configuration(stack)["k3s"]
    stack.configure(k3s={**k3s, "components": {"servicelb": False}})


def _have_been_refused_by_no_server(stack: Stack, joined: list[dict[str, Any]]) -> None:
    for each in joined:
        machine = stack.machine(each["instanceId"])
        assert "servicelb" in stack.docker("exec", machine, "cat", "/etc/rancher/k3s/config.yaml")
        journal = stack.docker("exec", machine, "journalctl", "-u", "k3s", "--no-pager")
        assert "critical configuration" not in journal


def configuration(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]
    return found


def token(stack: Stack, server: dict[str, Any]) -> str:
    """The server token that a machine has."""
    machine = stack.machine(server["instanceId"])
    return stack.docker("exec", machine, "cat", "/etc/rancher/k3s/token")


def unhealthy(stack: Stack) -> set[str]:
    """The addresses of the load balancer's targets that get no connections."""
    balancing = stack.client("elbv2")
    (group,) = balancing.describe_target_groups()["TargetGroups"]
    found = balancing.describe_target_health(TargetGroupArn=group["TargetGroupArn"])
    return {
        each["Target"]["Id"]
        for each in found["TargetHealthDescriptions"]
        if each["TargetHealth"]["State"] != "healthy"
    }


def destroy(stack: Stack) -> None:
    stack.pulumi("destroy", "--yes")
    assert json.loads(stack.pulumi("stack", "export"))["deployment"].get("resources", []) == []
