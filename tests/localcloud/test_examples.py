"""The examples, brought up on the local cloud as they are but for where they stand."""

from __future__ import annotations

import copy
import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.golden import rendering
from tests.localcloud import vpc_ranges
from tests.localcloud.stacks import CLUSTER, Stack, Stacks, local_cloud

pytestmark = pytest.mark.localcloud

# Where the local cloud's outside is: the machine the tests run on.
HERE = "127.0.0.0/8"
UP = ("up", "--yes", "--skip-preview")
DESTROY = ("destroy", "--yes", "--skip-preview")
ASSETS = {"x86_64": "k3s", "arm64": "k3s-arm64"}
SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\n"
WITH_TESTS_OF_THEIR_OWN = {
    *("laptop", "mixed-spot", "one-arm-server", "private", "pull-request", "with-charts"),
}


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with local_cloud(tmp_path_factory.mktemp("examples")) as made:
        yield made


def example(name: str, **network: Any) -> dict[str, Any]:
    """The example's cluster, in the local cloud's region and admitting this machine."""
    # As plain objects, which a stack file is written from.
    cluster: dict[str, Any] = json.loads(json.dumps(rendering.configuration(name)))
    own = cluster["network"]
    zones = [zone.replace("eu-central-1", "us-east-1") for zone in own.get("availabilityZones", [])]
    moved: dict[str, Any] = {"availabilityZones": zones} if zones else {}
    if "subnetIds" not in own:
        moved["vpcCidr"] = vpc_ranges.take()
    for key in ("apiAllowedCidrs", "sshAllowedCidrs"):
        moved[key] = own[key] if own[key] == ["caller"] else [*own[key], HERE]
    cluster["network"] = {**own, **moved, **network}
    return cluster


def kubernetes_nodes(stack: Stack) -> dict[str, dict[str, Any]]:
    """The Node objects by name, all of them Ready."""
    listed = json.loads(stack.kubectl("get", "nodes", "-o", "json"))["items"]
    for node in listed:
        conditions = {each["type"]: each["status"] for each in node["status"]["conditions"]}
        assert conditions["Ready"] == "True", node["metadata"]["name"]
    return {node["metadata"]["name"]: node for node in listed}


def on_machine(stack: Stack, node: dict[str, Any], command: str) -> str:
    return stack.docker(
        "exec", f"k3saws-{stack.cloud_id}-{node['instanceId']}", "sh", "-c", command
    )


def test_two_stacks_stand_side_by_side_and_do_not_disturb_each_other(stacks: Stacks) -> None:
    trial = stacks.create("trial", example("laptop"))
    arm = stacks.create(
        "arm", example("one-arm-server", vpcCidr=vpc_ranges.take().replace("/16", "/22"))
    )
    with ThreadPoolExecutor() as side_by_side:
        list(side_by_side.map(lambda each: each.pulumi(*UP), [trial, arm]))
    for stack in (trial, arm):
        assert set(kubernetes_nodes(stack)) == {node["name"] for node in stack.nodes()}
    assert not set(kubernetes_nodes(trial)) & set(kubernetes_nodes(arm))
    _is_what_the_one_arm_server_reports(arm)
    _carries_its_tags(trial)
    arm.pulumi(*DESTROY)
    assert len(kubernetes_nodes(trial)) == 1
    trial.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    trial.pulumi(*DESTROY)


def _is_what_the_one_arm_server_reports(stack: Stack) -> None:
    (node,) = stack.nodes()
    reported = json.loads(on_machine(stack, node, "cat /etc/rancher/k3s/config.yaml"))
    assert reported["disable"] == ["traefik", "servicelb", "local-storage"]
    assert reported["kube-apiserver-arg"] == ["audit-log-maxage=7"]
    assert reported["cluster-cidr"] == "10.200.0.0/16"
    # Ubuntu's user is the one the program logged in as.
    assert "ubuntu" in on_machine(stack, node, "cat /etc/passwd")


def _carries_its_tags(stack: Stack) -> None:
    (node,) = stack.nodes()
    ec2 = stack.client("ec2")
    instance = ec2.describe_instances(InstanceIds=[node["instanceId"]])["Reservations"][0]
    (found,) = instance["Instances"]
    volume = found["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    named = {"resource-id": [node["instanceId"], volume, found["VpcId"], found["SubnetId"]]}
    listed = ec2.describe_tags(Filters=[{"Name": k, "Values": v} for k, v in named.items()])["Tags"]
    tagged = {
        each["ResourceId"] for each in listed if each["Value"] in ("ada@example.com", "2027-01-31")
    }
    assert tagged == set(named["resource-id"])


def test_arm_and_x86_spot_agents_stand_in_one_cluster_over_two_zones(stacks: Stacks) -> None:
    cluster = example("mixed-spot")
    stack = stacks.create("mixed", cluster)
    stack.pulumi(*UP)
    nodes = stack.nodes()
    assert sorted((node["pool"], node["architecture"]) for node in nodes) == [
        ("arm", "arm64"),
        ("arm", "arm64"),
        ("servers", "arm64"),
        ("x86", "x86_64"),
    ]
    _have_their_architectures_files_and_images(stacks, stack)
    _are_spot_in_both_zones(stack)
    _are_labelled_and_tainted(stack)
    _take_other_labels_in_place(stack, cluster)
    _move_out_of_a_zone_that_is_given_up(stack, cluster)
    stack.pulumi(*DESTROY)


def _have_their_architectures_files_and_images(stacks: Stacks, stack: Stack) -> None:
    for node in stack.nodes():
        architecture = node["architecture"]
        (digest, _) = on_machine(stack, node, "sha256sum /usr/local/bin/k3s").split()
        assert digest == stacks.workbench.running["k3sSha256"][architecture]
        k3s = json.loads(on_machine(stack, node, "cat /etc/k3s-aws/node.json"))["pool"]["k3s"]
        assert [source.rsplit("/", 1)[1] for source in k3s["sources"]] == [ASSETS[architecture]]
        ec2 = stack.client("ec2")
        instance = ec2.describe_instances(InstanceIds=[node["instanceId"]])["Reservations"][0]
        ami = instance["Instances"][0]["ImageId"]
        (image,) = ec2.describe_images(ImageIds=[ami])["Images"]
        assert image["Architecture"] == architecture
        assert image["Name"].startswith("al2023" if node["pool"] == "x86" else "debian-12")


def _are_spot_in_both_zones(stack: Stack) -> None:
    ids = {node["instanceId"]: node for node in stack.nodes()}
    listed = stack.client("ec2").describe_instances(InstanceIds=list(ids))["Reservations"]
    found = [each for reservation in listed for each in reservation["Instances"]]
    spot = {ids[each["InstanceId"]]["pool"] for each in found if "InstanceLifecycle" in each}
    assert spot == {"arm", "x86"}
    assert {each["Placement"]["AvailabilityZone"] for each in found} == {"us-east-1a", "us-east-1b"}


def _are_labelled_and_tainted(stack: Stack) -> None:
    found = kubernetes_nodes(stack)
    for node in stack.nodes():
        printed = found[node["name"]]
        label = printed["metadata"]["labels"].get("example.com/pool")
        assert label == (None if node["pool"] == "servers" else node["pool"])
        taints = [each["key"] for each in printed["spec"].get("taints", [])]
        assert taints == (["example.com/only"] if node["pool"] == "x86" else [])


def _take_other_labels_in_place(stack: Stack, cluster: dict[str, Any]) -> None:
    pools = copy.deepcopy(cluster["pools"])
    pools[1]["labels"] = {"example.com/pool": "amd"}
    del pools[1]["taints"]
    stack.configure(pools=pools)
    assert "replace" not in stack.summary()
    stack.pulumi(*UP)
    (node,) = [each for each in stack.nodes() if each["pool"] == "x86"]
    printed = kubernetes_nodes(stack)[node["name"]]
    assert printed["metadata"]["labels"]["example.com/pool"] == "amd"
    assert printed["spec"].get("taints", []) == []


def _move_out_of_a_zone_that_is_given_up(stack: Stack, cluster: dict[str, Any]) -> None:
    before = {node["name"] for node in stack.nodes()}
    stack.configure(network={**cluster["network"], "availabilityZones": ["us-east-1a"]})
    stack.pulumi(*UP)
    after = {node["name"] for node in stack.nodes()}
    # The second of the arm pool stood there alone.
    assert len(before - after) == len(after - before) == 1
    assert set(kubernetes_nodes(stack)) == after
    machine = next(node for node in stack.nodes() if node["name"] not in before)
    reported = json.loads(on_machine(stack, machine, "cat /etc/rancher/k3s/config.yaml"))
    assert reported["node-ip"] == machine["privateIp"]


def test_a_private_cluster_stands_in_a_vpc_that_exists_and_leaves_it_alone(stacks: Stacks) -> None:
    stack = stacks.create("inner", example("private", subnetIds=["subnet-0aaaaaaaaaaaaaaaa"]))
    ec2 = stack.client("ec2")
    vpc_cidr = ip_network(vpc_ranges.take())
    vpc = ec2.create_vpc(CidrBlock=str(vpc_cidr))["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=str(cidr), AvailabilityZone=zone)["Subnet"][
            "SubnetId"
        ]
        for cidr, zone in zip(vpc_cidr.subnets(4), ("us-east-1a", "us-east-1b"), strict=False)
    ]
    stack.configure(network=example("private", subnetIds=subnets)["network"])
    stack.pulumi(*UP)
    nodes = stack.nodes()
    assert len(kubernetes_nodes(stack)) == 3
    assert {node.get("publicIp") for node in nodes} == {None}
    endpoint = json.loads(stack.pulumi("stack", "output", "apiEndpoint", "--json"))
    assert ip_address(urlsplit(endpoint).hostname or "") in vpc_cidr
    assert ec2.describe_addresses()["Addresses"] == []
    stack.pulumi(*DESTROY)
    assert len(ec2.describe_subnets(SubnetIds=subnets)["Subnets"]) == 2


@pytest.mark.parametrize("name", sorted({*rendering.NAMES} - WITH_TESTS_OF_THEIR_OWN))
def test_every_other_example_comes_up_as_it_is_written(stacks: Stacks, name: str) -> None:
    stack = stacks.create(name, example(name))
    stack.pulumi(*UP)
    written = Counter(node.pool.name for node in rendering.load(name).nodes)
    assert Counter(node["pool"] for node in stack.nodes()) == written
    assert len(kubernetes_nodes(stack)) == written.total()
    stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    stack.pulumi(*DESTROY)


def test_k3s_and_big_manifests_come_from_the_stacks_own_bucket(
    stacks: Stacks, tmp_path: Path
) -> None:
    cluster = example("with-charts")
    noise = random.Random(7).randbytes(5000).hex()
    big = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "big"}}
    cluster["manifests"].append(
        {"name": "big", "content": yaml.safe_dump({**big, "data": {"noise": noise}})}
    )
    with served(stacks, tmp_path) as url:
        stack = stacks.create("shop", cluster)
        k3s = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]["k3s"]
        stack.configure(k3s={**k3s, "downloadUrl": url})
        stack.pulumi(*UP)
    reported = json.loads(on_machine(stack, stack.nodes()[0], "cat /etc/k3s-aws/node.json"))["pool"]
    assert reported["k3s"]["sources"][0].startswith("s3://shop-files-")
    assert set(reported["manifests"]["k3s-aws-big.yaml"]) == {"source", "sha256"}
    for kind, name, namespace in (
        ("namespace", "staging", "default"),
        ("resourcequota", "pods", "staging"),
        ("limitrange", "memory", "default"),
        ("configmap", "big", "default"),
        ("helmcharts.helm.cattle.io", "podinfo", "kube-system"),
    ):
        stack.kubectl("wait", "--for=create", kind, name, "-n", namespace, "--timeout=40s")
    _take_another_manifest_in_place(stack, cluster)
    stack.pulumi(*DESTROY)
    assert stack.client("s3").list_buckets()["Buckets"] == []


def _take_another_manifest_in_place(stack: Stack, cluster: dict[str, Any]) -> None:
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: added}\n"
    stack.configure(manifests=[*cluster["manifests"], {"name": "more", "content": namespace}])
    assert "replace" not in stack.summary()
    stack.pulumi(*UP)
    stack.kubectl("wait", "--for=create", "namespace", "added", "--timeout=40s")
    stack.configure(manifests=[*cluster["manifests"], {"name": "more", "content": SETTINGS}])
    stack.pulumi(*UP)
    stack.kubectl("wait", "--for=create", "configmap", "more", "--timeout=40s")
    stack.kubectl("wait", "--for=delete", "namespace", "added", "--timeout=40s")


@contextmanager
def served(stacks: Stacks, folder: Path) -> Iterator[str]:
    """A download place on loopback, laid out as the release page is."""
    release = folder / stacks.workbench.k3s.version
    release.mkdir()
    (release / "k3s").symlink_to(stacks.workbench.k3s.path)
    handler = partial(SilentHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class SilentHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def test_passwords_of_registries_reach_the_machines_and_nothing_else(stacks: Stacks) -> None:
    stack = stacks.create("login", example("laptop"))
    path = 'k3s-aws:registryAuth["registry.example.com"]'
    stack.pulumi("config", "set", "--path", f"{path}.username", "ci")
    output = stack.pulumi("preview", fails=True)
    assert "registryAuth: is set in plain text" in output
    assert "Traceback" not in output
    stack.pulumi("config", "set", "--secret", "--path", f"{path}.password", "hunter2-hunter2")
    stack.pulumi(*UP)
    (node,) = stack.nodes()
    found = json.loads(on_machine(stack, node, "cat /etc/rancher/k3s/registries.yaml"))
    auth = {"username": "ci", "password": "hunter2-hunter2"}
    assert found["configs"]["registry.example.com"]["auth"] == auth
    stack.pulumi("config", "set", "--secret", "--path", f"{path}.password", "hunter3-hunter3")
    assert "replace" not in stack.summary()
    stack.pulumi(*UP)
    text = on_machine(stack, node, "cat /etc/rancher/k3s/registries.yaml")
    assert "hunter3-hunter3" in text
    seen = [
        stack.pulumi("stack", "export"),
        on_machine(stack, node, "cat /etc/k3s-aws/node.json /var/lib/k3s-aws/report.json"),
        on_machine(stack, node, "cat /var/log/cloud-init*.log; journalctl --no-pager"),
    ]
    assert [word for word in ("hunter2", "hunter3") for each in seen if word in each] == []
    stack.pulumi(*DESTROY)
