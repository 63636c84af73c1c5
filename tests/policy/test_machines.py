"""Instances, volumes, images, tags and access: what the rules about them tell apart."""

from __future__ import annotations

import base64
import gzip
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from k3s_policy.images import architecture_of
from k3s_policy.resource import UNKNOWN
from k3s_policy.rule import NotKnown, Violation
from tests.golden import rendering
from tests.policy import examined
from tests.policy.examined import INSTANCE, PROTECTED, TAGS, TEMPLATE, machine, without
from tests.policy.stack_state import resource
from tests.policy.test_rules import findings, violated

SERVER = ("k3s:aws:K3sCluster", "k3s:aws:ControlPlane", "k3s:aws:Machine")
ENCRYPTED = "volumes-encrypted"


def instance(**changes: Any) -> list[dict[str, Any]]:
    return [resource(INSTANCE, "x", machine(**changes))]


def template(ebs: dict[str, Any]) -> dict[str, Any]:
    """The inputs of a launch template with one volume."""
    mappings = [{"deviceName": "/dev/xvda", "ebs": ebs}]
    return {"metadataOptions": PROTECTED, "imageId": "ami-1", "blockDeviceMappings": mappings}


def package_file(package: str, *path: str) -> Path:
    """A file of an installed package, which is not imported for it."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0], *path)


def test_the_architecture_of_every_instance_type_follows_from_its_name() -> None:
    file = package_file("moto", "ec2", "resources", "instance_types.json.gz")
    types = json.loads(gzip.decompress(file.read_bytes()))
    assert len(types) > 1000
    wrong = {
        name: described["ProcessorInfo"]["SupportedArchitectures"]
        for name, described in types.items()
        if (architecture_of(name) == "arm64")
        is not ("arm64" in described["ProcessorInfo"]["SupportedArchitectures"])
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (
            "instance",
            "ami instanceType launchTemplate metadataOptions rootBlockDevice ebsBlockDevices "
            "userData userDataBase64 instanceMarketOptions tags tagsAll",
        ),
        (
            "launch_template",
            "imageId instanceType metadataOptions blockDeviceMappings userData "
            "instanceMarketOptions",
        ),
        ("launch_configuration", "imageId instanceType rootBlockDevice userData spotPrice"),
        ("spot_instance_request", "ami instanceType rootBlockDevice userData spotPrice"),
        ("security_group", "ingress"),
        (
            "security_group_rule",
            "type protocol fromPort toPort cidrBlocks ipv6CidrBlocks prefixListIds securityGroupId",
        ),
        ("ami", "architecture ebsBlockDevices"),
        ("ami_copy", "encrypted architecture"),
    ],
)
def test_the_properties_of_ec2_have_the_names_of_the_aws_package(module: str, names: str) -> None:
    _has_names(package_file("pulumi_aws", "ec2", f"{module}.py"), names)


@pytest.mark.parametrize(
    ("file", "names"),
    [
        (
            "vpc/security_group_ingress_rule.py",
            "ipProtocol fromPort toPort cidrIpv4 cidrIpv6 prefixListId securityGroupId",
        ),
        ("ebs/volume.py", "encrypted tags tagsAll"),
        ("ebs/snapshot_copy.py", "encrypted"),
    ],
)
def test_other_properties_have_the_names_of_the_aws_package(file: str, names: str) -> None:
    _has_names(package_file("pulumi_aws", *file.split("/")), names)


def _has_names(file: Path, names: str) -> None:
    source = file.read_text()
    for name in names.split():
        getter = f'@pulumi.getter(name="{name}")'
        plain = f"@pulumi.getter\n    def {name}("
        assert getter in source or plain in source, (file.name, name)


@pytest.mark.parametrize(
    ("options", "broken"),
    [
        (PROTECTED, False),
        ({"httpEndpoint": "disabled"}, False),
        ({**PROTECTED, "httpPutResponseHopLimit": 2}, True),
        ({"httpTokens": "required"}, True),
        ({"httpTokens": "optional", "httpPutResponseHopLimit": 1}, True),
        (None, True),
    ],
)
def test_the_metadata_service_wants_a_token_within_one_hop(options: Any, broken: bool) -> None:
    expected = ["metadata-service-protected"] if broken else []
    assert violated(instance(metadataOptions=options)) == expected


def test_an_instance_of_a_template_has_the_options_and_the_volumes_of_that() -> None:
    inputs = {"launchTemplate": {"id": "lt-1"}, "tags": TAGS}
    assert violated([resource(INSTANCE, "x", inputs)]) == []


@pytest.mark.parametrize(
    ("parents", "changes", "broken"),
    [
        (SERVER, {}, True),
        (("k3s:aws:K3sCluster", "k3s:aws:NodePool", "k3s:aws:Machine"), {}, False),
        ((), {"tags": {**TAGS, "role": "server"}}, True),
        ((), {"userData": "#!/bin/sh\nexec k3s server\n"}, True),
        ((), {"userData": "#!/bin/sh\nexec k3s agent\n"}, False),
    ],
)
def test_a_server_on_spot_is_found_by_its_place_tags_or_program(
    parents: tuple[str, ...], changes: dict[str, Any], broken: bool
) -> None:
    spot = without(machine(instanceMarketOptions={"marketType": "spot"}), "userDataBase64")
    found = violated(
        [resource(INSTANCE, "x", {**spot, **changes}, parents=parents)],
        serverTags={"role": "server"},
    )
    assert found == (["servers-not-on-spot"] if broken else [])


INSTALL = "curl -sfL https://get.k3s.io | INSTALL_K3S_VERSION=v1.36.4+k3s1 {}\n"
JOIN = "K3S_URL=https://10.0.0.1:6443 K3S_TOKEN_FILE=/run/token "


@pytest.mark.parametrize(
    ("script", "broken"),
    [
        (INSTALL.format("sh -"), True),
        (INSTALL.format("INSTALL_K3S_EXEC=server sh -"), True),
        (INSTALL.format("sh -s - --cluster-init"), True),
        # Further servers have the URL of the first.
        (INSTALL.format(JOIN + "sh -s - server"), True),
        (INSTALL.format(JOIN + "bash -s server"), True),
        (INSTALL.format(JOIN + "INSTALL_K3S_EXEC='server --disable traefik' sh -"), True),
        (INSTALL.format(JOIN + "sh -"), False),
        ("# waits until the k3s server is up\n" + INSTALL.format(JOIN + "sh -"), False),
        ("echo the k3s server has to be up\n" + INSTALL.format(JOIN + "sh -"), False),
        (INSTALL.format("INSTALL_K3S_EXEC=agent sh -"), False),
        (INSTALL.format('INSTALL_K3S_EXEC="agent --server https://10.0.0.1:6443" sh -'), False),
        (INSTALL.format("sh -s - agent --server https://10.0.0.1:6443"), False),
        ("# like the k3s server\nsystemctl start k3s-agent\n", False),
    ],
)
def test_the_installer_makes_a_server_or_an_agent(script: str, broken: bool) -> None:
    spot = without(machine(instanceMarketOptions={"marketType": "spot"}), "userDataBase64")
    found = violated([resource(INSTANCE, "x", {**spot, "userData": "#!/bin/sh\n" + script})])
    assert found == (["servers-not-on-spot"] if broken else [])


@pytest.mark.parametrize(
    ("type_", "inputs", "broken"),
    [
        (INSTANCE, machine(rootBlockDevice={"volumeSize": 8}), True),
        (INSTANCE, without(machine(), "rootBlockDevice"), True),
        (INSTANCE, machine(ebsBlockDevices=[{"deviceName": "/dev/sdb"}]), True),
        (INSTANCE, machine(ebsBlockDevices=[{"encrypted": True}]), False),
        (INSTANCE, machine(ebsBlockDevices=[{"snapshotId": "snap-1"}]), False),
        (TEMPLATE, {"metadataOptions": PROTECTED, "imageId": "ami-1"}, True),
        (TEMPLATE, {"metadataOptions": PROTECTED}, False),
        (TEMPLATE, template({"encrypted": "true"}), False),
        (TEMPLATE, template({"volumeSize": 8}), True),
        (TEMPLATE, template({"snapshotId": "snap-1"}), False),
        ("aws:ebs/volume:Volume", {"tags": TAGS, "snapshotId": "snap-1"}, True),
        ("aws:ebs/volume:Volume", {"tags": TAGS}, True),
        ("aws:ebs/volume:Volume", {"tags": TAGS, "encrypted": True}, False),
        ("aws:ebs/snapshotCopy:SnapshotCopy", {}, True),
        ("aws:ec2/amiCopy:AmiCopy", {"encrypted": True}, False),
        ("aws:ec2/ami:Ami", {"ebsBlockDevices": [{"snapshotId": "snap-1"}]}, False),
        ("aws:ec2/ami:Ami", {"ebsBlockDevices": [{"volumeSize": 8}]}, True),
    ],
)
def test_every_volume_has_to_be_encrypted(type_: str, inputs: dict[str, Any], broken: bool) -> None:
    described = [resource(type_, "x", inputs)]
    assert violated(described) == ([ENCRYPTED] if broken else [])
    assert violated(described, encryptedByDefault=True) == []


def test_the_bom_names_images_whose_architecture_is_compared() -> None:
    image = {"id": "ami-0aaaaaaaaaaaaaaaa", "name": "debian-12-amd64-20270101"}
    outputs = {"bom": {"images": [image]}}
    rule = "architecture-of-image"
    assert violated(instance(), outputs) == [rule]
    assert violated(instance(instanceType="t3.small"), outputs) == []
    assert violated(instance(), images={"ami-0aaaaaaaaaaaaaaaa": "x86_64"}) == [rule]


@pytest.mark.parametrize("name", rendering.NAMES)
def test_the_nodes_of_every_example_are_pinned(name: str) -> None:
    configs = [
        json.loads(text)
        for file, text in rendering.render(name).items()
        if file.endswith(".node.json")
    ]
    assert configs
    for config in configs:
        assert violated([resource("k3s:index:Node", "x", {"nodeConfig": config})]) == []
        del config["pool"]["k3s"]["sha256"]
        found = violated([resource("k3s:index:Node", "x", {"nodeConfig": config})])
        assert found == ["k3s-pinned"]


def test_only_some_releases_may_be_allowed() -> None:
    inputs = examined.GOOD[-1]["inputs"]
    described = [resource("k3s:index:Node", "x", inputs)]
    assert violated(described, allowedVersions=["v1.36.4+k3s1"]) == []
    assert violated(described, allowedVersions=["v1.36.5+k3s1"]) == ["k3s-pinned"]


def test_tags_are_found_in_any_case_and_an_empty_one_is_none() -> None:
    assert violated(instance(tags={"Owner": "ada", "EXPIRY": "x"})) == []
    assert violated(instance(tags={**TAGS, "owner": ""})) == ["owner-tag"]
    assert violated(instance(tags=None, tagsAll=TAGS)) == []
    assert violated(instance(), keys=["cost-centre"]) == ["owner-tag", "expiry-tag"]


@pytest.mark.parametrize(
    ("module", "type_"),
    [
        ("lb/load_balancer.py", "aws:lb/loadBalancer:LoadBalancer"),
        ("alb/load_balancer.py", "aws:alb/loadBalancer:LoadBalancer"),
        ("ec2/nat_gateway.py", "aws:ec2/natGateway:NatGateway"),
    ],
)
def test_what_costs_money_by_the_hour_has_an_owner_and_an_end(module: str, type_: str) -> None:
    assert f'"{type_}"' in package_file("pulumi_aws", *module.split("/")).read_text()
    assert violated([resource(type_, "x", {})]) == ["owner-tag", "expiry-tag"]


def test_many_resources_without_a_tag_are_one_violation() -> None:
    described = [
        resource("aws:ebs/volume:Volume", f"v-{index}", {"encrypted": True}) for index in range(50)
    ]
    assert violated(described) == ["owner-tag", "expiry-tag"]


def test_a_namespace_of_kubernetes_may_not_be_privileged_but_where_it_is_allowed() -> None:
    labels = {"pod-security.kubernetes.io/enforce": "privileged"}
    described = [
        resource(
            "kubernetes:core/v1:Namespace", "x", {"metadata": {"name": "net", "labels": labels}}
        )
    ]
    assert violated(described) == ["namespaces-not-privileged"]
    assert violated(described, allowedNamespaces=["net"]) == []


def test_a_namespace_whose_name_is_not_known_yet_is_not_in_the_message() -> None:
    inputs = {"podSecurity": "privileged", "namespaces": ["shop", UNKNOWN]}
    found = [each for _, each in findings([resource("k3s:index:Identity", "x", inputs)])]
    not_known, violation = found
    assert not_known == NotKnown("podSecurity")
    assert isinstance(violation, Violation)
    assert 'is "privileged" for shop: ' in violation.message


def kubeconfig(group: bytes) -> str:
    """A kubeconfig whose client certificate has the group, as DER has it; it is not a real one."""
    der = base64.b64encode(b"\x30\x82\x01\x00\x13\x0e" + group).decode()
    pem = f"-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n"
    return f"client-certificate-data: {base64.b64encode(pem.encode()).decode()}"


def test_an_administrators_kubeconfig_is_found_by_its_certificate_under_any_name() -> None:
    rule = "no-administrator-kubeconfig"
    assert violated([], {"access": kubeconfig(b"system:masters")}) == [rule]
    assert violated([], {"access": kubeconfig(b"viewers")}) == []
    assert violated([], {"adminKubeconfig": "x"}, allowedOutputs=["adminKubeconfig"]) == []


def identity(name: str, role: str) -> list[dict[str, Any]]:
    inputs = {"name": name, "clusterRole": role, "namespaces": ["shop"]}
    return [resource("k3s:index:Identity", f"dev-{name}", inputs)]


def test_an_identity_is_an_administrator_by_its_role_and_not_by_its_name() -> None:
    rule = "no-administrator-kubeconfig"
    output = {"kubeconfig-webadmin": kubeconfig(b"viewers")}
    assert violated(identity("webadmin", "view"), output) == []
    # Of another program: nothing but the name says what it is.
    assert violated([], output) == [rule]
    assert violated(identity("webadmin", "view"), {"kubeconfig-admin": "x"}) == [rule]
    administrators = {"kubeconfig-webadmin": kubeconfig(b"system:masters")}
    assert violated(identity("webadmin", "view"), administrators) == [rule]
    assert violated(identity("ci", "cluster-admin"), {"kubeconfig-ci": "x"}) == [rule]
    allowed = {"allowedOutputs": ["kubeconfig-ci"]}
    assert violated(identity("ci", "cluster-admin"), {"kubeconfig-ci": "x"}, **allowed) == []


def test_an_image_of_ones_own_has_a_number() -> None:
    def outputs(number: int) -> dict[str, Any]:
        keys = {
            "cluster.servers.image.id": "ami-0bbbbbbbbbbbbbbbb",
            "cluster.servers.image.generation": number,
        }
        return {"clusterRecord": {"pools": [{"name": "servers", "keys": keys}]}}

    assert violated([], outputs(1)) == ["own-image-has-generation"]
    assert violated([], outputs(2)) == []


def test_an_unencrypted_volume_of_a_template_is_named_by_its_place() -> None:
    mappings = [{"ebs": {"encrypted": "true"}}, {"ebs": {"encrypted": "false"}}]
    described = [
        resource(TEMPLATE, "x", {"metadataOptions": PROTECTED, "blockDeviceMappings": mappings})
    ]
    assert violated(described) == [ENCRYPTED]
