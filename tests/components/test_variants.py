"""Resources of less common configurations."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import machine_files
from tests.cluster.config_yaml import config_yaml
from tests.cluster.parts import files_of, unpacked
from tests.components.recording import CONFIGURATION, Built, build

INSTANCE = "aws:ec2/instance:Instance"
INTERFACE = "aws:ec2/networkInterface:NetworkInterface"
OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2"
OPEN = CONFIGURATION["network"]
# Hardly smaller when compressed.
NOISE = random.Random(4).randbytes(6000).hex()


def node_file(built: Built, name: str) -> str:
    """The text of node.json in the user data of a machine."""
    template = built.of("k3s:index:MachineTemplate")[name]
    return files_of(unpacked(template.inputs["userData"]))[machine_files.NODE]


def pool_part(built: Built, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(node_file(built, name))["pool"]
    return content


def statements(built: Built, name: str) -> list[dict[str, Any]]:
    policy = built.of("aws:iam/rolePolicy:RolePolicy")[name]
    found: list[dict[str, Any]] = json.loads(policy.inputs["policy"])["Statement"]
    return found


@pytest.fixture(scope="module")
def private() -> Built:
    subnets = ["subnet-aaaaaaaaaaaaaaaaa", "subnet-bbbbbbbbbbbbbbbbb"]
    network = {**OPEN, "subnetIds": subnets, "publicAddresses": False}
    return build({**CONFIGURATION, "network": network})


def test_in_an_existing_vpc_only_security_groups_are_made(private: Built) -> None:
    kinds = {each.type for each in private.resources}
    assert not {kind for kind in kinds if kind.split(":")[1] in ("ec2/vpc", "ec2/subnet")}
    assert not {kind for kind in kinds if "Route" in kind or "InternetGateway" in kind}
    groups = private.of("aws:ec2/securityGroup:SecurityGroup").values()
    assert {group.inputs["vpcId"] for group in groups} == {"vpc-0a"}


def test_machines_are_in_the_existing_subnets_in_turn(private: Built) -> None:
    found = {name: each.inputs["subnetId"] for name, each in private.of(INTERFACE).items()}
    assert found == {
        "demo-servers-0": "subnet-aaaaaaaaaaaaaaaaa",
        "demo-agents-0": "subnet-aaaaaaaaaaaaaaaaa",
        "demo-agents-1": "subnet-bbbbbbbbbbbbbbbbb",
        "demo-builders-0": "subnet-aaaaaaaaaaaaaaaaa",
    }


def test_private_machines_have_only_their_private_addresses(private: Built) -> None:
    assert private.of("aws:ec2/eip:Eip") == {}
    assert private.outputs["apiEndpoint"] == "https://private-demo-servers-0:6443"
    written = config_yaml(node_file(private, "demo-servers-0"))
    assert "node-external-ip" not in written
    assert written["tls-san"] == ["private-demo-servers-0"]
    nodes = private.of("k3s:index:Node")
    assert nodes["demo-agents-0"].inputs["ssh"]["host"] == "private-demo-agents-0"


def test_each_zone_has_a_subnet_with_the_one_way_out() -> None:
    zones = ["eu-central-1a", "eu-central-1b"]
    built = build({**CONFIGURATION, "network": {**OPEN, "availabilityZones": zones}})
    subnets = built.of("aws:ec2/subnet:Subnet")
    found = {n: (s.inputs["availabilityZone"], s.inputs["cidrBlock"]) for n, s in subnets.items()}
    assert found == {
        "demo-public-0": ("eu-central-1a", "10.64.0.0/20"),
        "demo-public-1": ("eu-central-1b", "10.64.16.0/20"),
    }
    assert len(built.of("aws:ec2/routeTableAssociation:RouteTableAssociation")) == 2


def test_only_host_gw_switches_the_source_destination_check_off(built: Built) -> None:
    assert [i.inputs.get("sourceDestCheck") for i in built.of(INTERFACE).values()] == [None] * 4
    routed = build({**CONFIGURATION, "k3s": {"flannelBackend": "host-gw"}})
    assert [i.inputs["sourceDestCheck"] for i in routed.of(INTERFACE).values()] == [False] * 4


def test_an_instance_leaves_the_source_destination_check_to_its_interface(built: Built) -> None:
    for instance in built.of(INSTANCE).values():
        assert instance.ignore_changes == {"sourceDestCheck"}
        assert "sourceDestCheck" not in instance.inputs


@pytest.mark.parametrize(("price", "sent"), [("0.01", "0.01"), ("1", "1.0"), ("10", "10.0")])
def test_spot_machines_are_one_time_requests_with_the_price(price: str, sent: str) -> None:
    pools = [{"name": "agents", "count": 1, "spot": True, "spotMaxPrice": price}]
    instances = build({**CONFIGURATION, "pools": pools}).of(INSTANCE)
    assert "instanceMarketOptions" not in instances["demo-servers-0"].inputs
    assert instances["demo-agents-0"].inputs["instanceMarketOptions"] == {
        "marketType": "spot",
        "spotOptions": {
            "maxPrice": sent,
            "spotInstanceType": "one-time",
            "instanceInterruptionBehavior": "terminate",
        },
    }


def test_tags_are_on_everything_that_can_have_some() -> None:
    built = build({**CONFIGURATION, "owner": "me", "tags": {"a": "b"}})
    wanted = {"a": "b", "k3s-aws:owner": "me", "k3s-aws:cluster": "demo", "k3s-aws:stack": "dev"}
    tagless = (
        *("RolePolicy", "Route", "RouteTableAssociation", "BucketPublicAccessBlock"),
        "VolumeAttachment",
    )
    bare = [
        each.name
        for each in built.resources
        if each.type.startswith("aws:")
        and each.type.rsplit(":", 1)[1] not in tagless
        and not wanted.items() <= each.inputs.get("tags", {}).items()
    ]
    assert bare == []
    for instance in built.of(INSTANCE).values():
        assert wanted.items() <= instance.inputs["rootBlockDevice"]["tags"].items()


def test_what_ends_has_the_time_on_everything_that_can_have_tags() -> None:
    many = {f"tag-{number}": "x" for number in range(20)}
    endpoint = {"type": "dnsName", "hostname": "api.example.com", "route53ZoneId": "Z0123456789ABC"}
    built = build(
        {
            **CONFIGURATION,
            **{"ttl": "4h", "tags": many, "backup": {}, "endpoint": endpoint},
            "manifests": [manifest("big", NOISE)],
        }
    )
    (made,) = built.of("k3s:index:Expiry").values()
    assert made.inputs == {"ttlSeconds": 4 * 3600}
    expires = {"k3s-aws:expires": "2026-11-29T22:00:00Z"}
    tagged = [each for each in built.resources if each.type.startswith("aws:")]
    tagged = [each for each in tagged if "tags" in each.inputs]
    assert len({each.type for each in tagged}) > 12
    assert [
        each.name for each in tagged if not expires.items() <= each.inputs["tags"].items()
    ] == []
    for name, instance in built.of(INSTANCE).items():
        assert expires.items() <= instance.inputs["rootBlockDevice"]["tags"].items()
        assert instance.inputs["instanceInitiatedShutdownBehavior"] == "terminate"
        assert pool_part(built, name)["expiresAt"] == "2026-11-29T22:00:00Z"
    records = {
        name: each.inputs["tags"].get("k3s-aws:record")
        for name, each in built.of("aws:ec2/networkInterface:NetworkInterface").items()
    }
    assert records.pop("demo-servers-0") == "Z0123456789ABC/api.example.com"
    assert set(records.values()) == {None}


def test_snapshots_that_outlive_the_cluster_do_not_expire_with_it() -> None:
    built = build({**CONFIGURATION, "ttl": "4h", "backup": {"keepAfterDestroy": True}})
    for token in ("aws:s3/bucket:Bucket", OBJECT):
        (found,) = built.of(token).values()
        assert "k3s-aws:expires" not in found.inputs["tags"]


@pytest.mark.parametrize(("ttl", "expected"), [({}, "stop"), ({"ttl": "4h"}, "terminate")])
def test_a_machine_that_is_switched_off_from_inside_stops_unless_it_ends(
    ttl: dict[str, str], expected: str
) -> None:
    pools = [{"name": "agents", "count": 1, "spot": True}]
    built = build({**CONFIGURATION, "pools": pools, **ttl})
    shutdown = "instanceInitiatedShutdownBehavior"
    instances = built.of(INSTANCE)
    assert instances["demo-servers-0"].inputs[shutdown] == expected
    # It terminates in any case, and EC2 refuses the attribute.
    assert shutdown not in instances["demo-agents-0"].inputs
    assert bool(built.of("k3s:index:Expiry")) is bool(ttl)


def test_an_object_of_the_bucket_has_no_more_tags_than_s3_takes() -> None:
    many = {f"tag-{number}": "x" for number in range(20)}
    built = build(
        {**CONFIGURATION, "owner": "me", "tags": many, "manifests": [manifest("big", NOISE)]}
    )
    (stored,) = built.of(OBJECT).values()
    assert stored.inputs["tags"] == {
        "k3s-aws:cluster": "demo",
        "k3s-aws:stack": "dev",
        "k3s-aws:owner": "me",
    }
    (bucket,) = built.of("aws:s3/bucket:Bucket").values()
    assert many.items() <= bucket.inputs["tags"].items()


def test_an_own_image_is_used_without_a_lookup_of_its_id() -> None:
    image = {"id": "ami-0123456789abcdef0", "loginUser": "core"}
    built = build({**CONFIGURATION, "image": image, "pools": []})
    template = built.of("k3s:index:MachineTemplate")["demo-servers-0"]
    assert template.inputs["imageId"] == "ami-0123456789abcdef0"
    assert built.of("k3s:index:Node")["demo-servers-0"].inputs["ssh"]["user"] == "core"
    assert not [args for token, args in built.looked_up if "getParameter" in token]


def test_an_own_image_that_became_deprecated_is_still_found() -> None:
    image = {"id": "ami-0123456789abcdef0", "loginUser": "core"}
    built = build({**CONFIGURATION, "image": image, "pools": []})
    asked = [args for token, args in built.looked_up if "getAmi" in token]
    assert asked
    assert {args.get("includeDeprecated") for args in asked} == {True}


def test_without_stored_files_there_is_no_bucket(built: Built) -> None:
    small = build({**CONFIGURATION, "manifests": [manifest("small", "x")]})
    for each in (built, small):
        assert not [one for one in each.resources if one.type.startswith("aws:s3")]
        assert "s3:" not in json.dumps(statements(each, "demo-server"))
    inline = pool_part(small, "demo-servers-0")["manifests"]["k3s-aws-small.yaml"]
    assert list(inline) == ["content"]


def manifest(name: str, text: str) -> dict[str, str]:
    content = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    return {"name": name, "content": yaml.safe_dump({**content, "data": {"text": text}})}


def test_a_manifest_too_big_for_user_data_goes_through_the_bucket_by_its_hash() -> None:
    given = [manifest("small", "x"), manifest("big", NOISE)]
    built = build({**CONFIGURATION, "manifests": given})
    (stored,) = built.of(OBJECT).values()
    manifests = pool_part(built, "demo-servers-0")["manifests"]
    assert list(manifests["k3s-aws-small.yaml"]) == ["content"]
    big = manifests["k3s-aws-big.yaml"]
    assert stored.inputs["key"] == f"manifests/{big['sha256']}/k3s-aws-big.yaml"
    assert big["source"] == f"s3://demo-files/{stored.inputs['key']}"
    assert stored.inputs["content"] == given[1]["content"]
    assert "manifests" not in pool_part(built, "demo-agents-0")


def test_k3s_in_the_bucket_is_the_machines_only_source(tmp_path: Path) -> None:
    file = tmp_path / "k3s"
    file.write_bytes(b"k3s")
    built = build(
        {**CONFIGURATION, "k3s": {"bucket": True}}, k3s_files={"arm64": file, "x86_64": file}
    )
    keys = {each.inputs["key"] for each in built.of(OBJECT).values()}
    sources = {
        source for name in built.of(INSTANCE) for source in pool_part(built, name)["k3s"]["sources"]
    }
    assert sources == {f"s3://demo-files/{key}" for key in keys}
    assert len(keys) == 2
    read = {name: statements(built, name)[-1]["Resource"] for name in ("demo-server", "demo-agent")}
    home = "arn:aws:s3:::demo-files"
    assert read == {
        "demo-server": [f"{home}/k3s/*", f"{home}/manifests/*"],
        "demo-agent": [f"{home}/k3s/*"],
    }


def test_a_role_with_objects_in_the_bucket_may_still_decrypt_its_parameters() -> None:
    key = "arn:aws:kms:eu-central-1:123456789012:key/mrk-0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d"
    built = build({**CONFIGURATION, "k3s": {"bucket": True}, "parameterKmsKeyArn": key})
    for role in ("server", "agent"):
        *_, decrypt, read = statements(built, f"demo-{role}")
        assert (decrypt["Action"], read["Action"]) == (["kms:Decrypt"], ["s3:GetObject"])
        assert decrypt["Resource"] == [key]


def test_the_bucket_is_closed_to_the_public_and_is_deleted_with_its_content() -> None:
    built = build({**CONFIGURATION, "manifests": [manifest("big", NOISE)]})
    (bucket,) = built.of("aws:s3/bucket:Bucket").values()
    assert bucket.inputs["forceDestroy"] is True
    (block,) = built.of("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").values()
    del block.inputs["bucket"]  # type: ignore[attr-defined]
    assert set(block.inputs.values()) == {True}
    assert len(block.inputs) == 4


def test_passwords_of_registries_travel_as_secret_parameters_only() -> None:
    auth = {"registry.example.com": {"username": "ci", "password": "hunter2"}}
    built = build(CONFIGURATION, registry_auth=auth)
    parameters = built.of("aws:ssm/parameter:Parameter")
    for role in ("server", "agent"):
        given = parameters[f"demo-{role}-registry-auth"]
        assert given.is_secret("value")
        assert json.loads(given.plain("value")) == auth
        assert any(
            name.endswith(f"/{role}/registry-auth")
            for name in statements(built, f"demo-{role}")[0]["Resource"]
        )
    pool = pool_part(built, "demo-agents-0")
    assert pool["parameters"]["registryAuth"] == "/k3s-aws/dev/demo/agent/registry-auth"
    assert "hunter2" not in json.dumps(pool)
    held = json.loads(built.of("k3s:index:Node")["demo-agents-0"].plain("secrets"))
    assert json.loads(held["registryAuth"]) == auth


def test_passwords_with_double_brackets_are_written_as_ssm_takes_them() -> None:
    """https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html"""
    passwords = ["{{ssm:/a}}", "a{{{{b}}}}", "a\\{{b", "{{{c"]
    auth = {
        f"r{index}.example.com": {"username": "ci", "password": password}
        for index, password in enumerate(passwords)
    }
    built = build(CONFIGURATION, registry_auth=auth)
    value = built.of("aws:ssm/parameter:Parameter")["demo-server-registry-auth"].plain("value")
    assert "{{" not in value
    assert json.loads(value) == auth


def test_each_identity_has_a_kubeconfig_and_the_administrator_only_when_configured() -> None:
    identities = [
        {"name": "viewer", "role": "viewer"},
        {"name": "metrics", "clusterRole": "system:monitoring", "namespaces": ["kube-system"]},
    ]
    made = build({**CONFIGURATION, "identities": identities, "adminKubeconfig": True})
    found = made.of("k3s:index:Identity")
    assert {name: each.inputs["clusterRole"] for name, each in found.items()} == {
        "demo-viewer": "view",
        "demo-metrics": "system:monitoring",
    }
    assert found["demo-metrics"].inputs["namespaces"] == ["kube-system"]
    assert found["demo-metrics"].inputs["clusterReads"] == []
    assert list(made.outputs["kubeconfigs"]) == ["viewer", "metrics"]
    assert list(made.of("k3s:index:Kubeconfig")) == ["demo"]
    assert made.outputs["adminKubeconfig"] == "apiVersion: v1"
    assert made.outputs["adminKubeconfigIsSecret"] is True


def test_an_identity_has_the_configured_expiry_and_generation() -> None:
    configured = {"name": "ci", "role": "viewer", "expiryDays": 30, "generation": 2}
    made = build({**CONFIGURATION, "pools": [], "identities": [configured]})
    (identity,) = made.of("k3s:index:Identity").values()
    assert (identity.inputs["expiryDays"], identity.inputs["generation"]) == (30, 2)


def test_an_empty_list_creates_no_identity() -> None:
    made = build({**CONFIGURATION, "identities": []})
    assert made.of("k3s:index:Identity") == {}
    assert made.outputs["kubeconfigs"] == {}
