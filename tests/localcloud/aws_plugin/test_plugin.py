"""What the stand-in aws plugin does with each kind of call."""

from __future__ import annotations

import json
import re
import threading
import time
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2

from localcloud.aws_api import public_images
from localcloud.aws_plugin.resources import KINDS
from localcloud.aws_plugin.resources.compute import Instance
from localcloud.aws_plugin.session import Session
from provider.protocol.values import UNKNOWN, Secret, decode, encode
from provider.waiting import Wait
from tests.localcloud.aws_plugin.conftest import Engine, load

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
INSTANCE = "aws:ec2/instance:Instance"
ROLE = "aws:iam/role:Role"
INTERFACE = "aws:ec2/networkInterface:NetworkInterface"
EIP = "aws:ec2/eip:Eip"
TABLE = "aws:ec2/routeTable:RouteTable"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
PARAMETER = "aws:ssm/parameter:Parameter"
IMAGE = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-x86_64"


def refusal(caught: pytest.ExceptionInfo[Any]) -> tuple[grpc.StatusCode, str]:
    return caught.value.code(), caught.value.details()


def network(engine: Engine) -> tuple[str, str]:
    """A VPC with one subnet."""
    vpc, _ = engine.create(VPC, {"cidrBlock": "10.31.0.0/16"})
    return vpc, engine.create(SUBNET, {"vpcId": vpc, "cidrBlock": "10.31.0.0/20"})[0]


def test_an_unknown_type_is_refused_by_name_with_what_is_known(engine: Engine) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        engine.check("aws:rds/instance:Instance", {})
    code, text = refusal(caught)
    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert 'has no resource type "aws:rds/instance:Instance"' in text
    assert all(token in text for token in KINDS)


def test_an_unknown_look_up_is_refused_by_name(engine: Engine) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        engine.invoke("aws:rds/getInstance:getInstance", {})
    assert 'has no function "aws:rds/getInstance:getInstance"' in refusal(caught)[1]


def test_a_property_it_would_have_to_drop_is_refused(engine: Engine) -> None:
    failures = engine.check(VPC, {"cidrBlock": "10.9.0.0/16", "ipv6CidrBlock": "::/56"}).failures
    assert [failure.property for failure in failures] == ["ipv6CidrBlock"]


def test_a_generated_name_is_kept_at_the_next_check(engine: Engine) -> None:
    first = load(engine.check(ROLE, {"assumeRolePolicy": "{}"}).inputs)
    assert first["name"] == "thing-0001020"
    again = engine.check(ROLE, {"assumeRolePolicy": "{}"}, {"name": "thing-abcdef0"})
    assert load(again.inputs)["name"] == "thing-abcdef0"


@pytest.mark.parametrize(
    ("token", "old", "new", "replaces"),
    [
        (VPC, {"cidrBlock": "10.1.0.0/16"}, {"cidrBlock": "10.2.0.0/16"}, ["cidrBlock"]),
        (VPC, {"tags": {"a": "1"}}, {"tags": {"a": "2"}}, []),
        (INSTANCE, {"ami": "ami-1"}, {"ami": "ami-2"}, ["ami"]),
        (INSTANCE, {"instanceType": "t3.small"}, {"instanceType": "t3.large"}, []),
        (INSTANCE, {"userDataBase64": "YQ=="}, {"userDataBase64": "Yg=="}, []),
        (
            INSTANCE,
            {"userDataBase64": "YQ==", "userDataReplaceOnChange": True},
            {"userDataBase64": "Yg==", "userDataReplaceOnChange": True},
            ["userDataBase64"],
        ),
        (
            INSTANCE,
            {"rootBlockDevice": {"encrypted": True, "volumeSize": 8}},
            {"rootBlockDevice": {"encrypted": False, "volumeSize": 8}},
            ["rootBlockDevice"],
        ),
        (
            INSTANCE,
            {"rootBlockDevice": {"encrypted": True, "volumeSize": 8}},
            {"rootBlockDevice": {"encrypted": True, "volumeSize": 9}},
            [],
        ),
        (GROUP, {"description": "a"}, {"description": "b"}, ["description"]),
        (INGRESS, {"fromPort": 22}, {"fromPort": 23}, []),
        (INGRESS, {"cidrIpv4": "10.0.0.0/8"}, {"cidrIpv4": "10.0.0.0/16"}, []),
        (
            INGRESS,
            {"cidrIpv4": "10.0.0.0/8"},
            {"referencedSecurityGroupId": "sg-1"},
            ["cidrIpv4"],
        ),
        (ASSOCIATION, {"routeTableId": "rtb-1"}, {"routeTableId": "rtb-2"}, []),
        (PARAMETER, {"value": "a"}, {"value": "b"}, []),
        (PARAMETER, {"keyId": "alias/a"}, {"keyId": "alias/b"}, []),
        (PARAMETER, {}, {"keyId": "alias/b"}, []),
        (ROLE, {"name": "a"}, {"name": "b"}, ["name"]),
    ],
)
def test_what_replaces_a_resource_is_what_replaces_it_on_aws(
    engine: Engine, token: str, old: dict[str, object], new: dict[str, object], replaces: list[str]
) -> None:
    found = engine.diff(token, old, new)
    assert found.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert list(found.replaces) == replaces


def test_what_aws_has_decided_stays_when_it_is_no_longer_given(engine: Engine) -> None:
    spot = {"ami": "ami-1", "instanceMarketOptions": {"marketType": "spot"}}
    found = engine.diff(INSTANCE, spot, {"ami": "ami-1"})
    assert found.changes == provider_pb2.DiffResponse.DIFF_NONE


def test_an_elastic_ip_keeps_its_interface_when_it_is_no_longer_given(engine: Engine) -> None:
    _, subnet = network(engine)
    interface, _ = engine.create(INTERFACE, {"subnetId": subnet, "description": "first"})
    given = {"domain": "vpc", "networkInterface": interface, "tags": {"a": "1"}}
    address, state = engine.create(EIP, given)
    changed = {"domain": "vpc", "tags": {"a": "2"}}
    engine.update(EIP, address, given, changed)
    found = load(engine.read(EIP, address, changed).properties)
    assert (found["networkInterface"], found["tags"]) == (interface, {"a": "2"})
    renamed = {"subnetId": subnet, "description": "second"}
    engine.update(INTERFACE, interface, {**renamed, "description": "first"}, renamed)
    assert load(engine.read(INTERFACE, interface, renamed).inputs) == renamed
    engine.delete(EIP, address, state)
    engine.delete(INTERFACE, interface, state)


def test_a_rule_changes_in_place_with_its_tags(engine: Engine) -> None:
    vpc, _ = network(engine)
    group, _ = engine.create(GROUP, {"vpcId": vpc, "description": "nodes"})
    ports = {"securityGroupId": group, "ipProtocol": "tcp", "fromPort": 22, "toPort": 22}
    old = {**ports, "cidrIpv4": "10.0.0.0/8", "description": "ssh", "tags": {"a": "1", "b": "1"}}
    rule, state = engine.create(INGRESS, old)
    assert load(state)["securityGroupRuleId"] == rule
    new = {**old, "cidrIpv4": "10.0.0.0/16", "tags": {"b": "2"}}
    engine.update(INGRESS, rule, old, new)
    assert load(engine.read(INGRESS, rule, new).inputs) == new
    everything = {"securityGroupId": group, "ipProtocol": "-1", "referencedSecurityGroupId": group}
    other, state = engine.create(INGRESS, everything)
    assert load(engine.read(INGRESS, other, everything).inputs) == everything
    engine.delete(INGRESS, other, state)
    assert engine.read(INGRESS, other, everything).id == ""


def test_a_subnet_moves_to_another_route_table_in_place(engine: Engine) -> None:
    vpc, subnet = network(engine)
    first, second = (engine.create(TABLE, {"vpcId": vpc})[0] for _ in range(2))
    old, new = ({"subnetId": subnet, "routeTableId": each} for each in (first, second))
    association, _ = engine.create(ASSOCIATION, old)
    engine.update(ASSOCIATION, association, old, new)
    table = engine.client("ec2").describe_route_tables(RouteTableIds=[second])["RouteTables"][0]
    assert [each["SubnetId"] for each in table["Associations"]] == [subnet]


def test_nothing_null_and_empty_are_the_same(engine: Engine) -> None:
    found = engine.diff(VPC, {"cidrBlock": "10.1.0.0/16", "tags": {}}, {"cidrBlock": "10.1.0.0/16"})
    assert found.changes == provider_pb2.DiffResponse.DIFF_NONE


def test_a_subnet_lives_from_creation_to_a_second_deletion(engine: Engine) -> None:
    vpc, vpc_state = engine.create(VPC, {"cidrBlock": "10.20.0.0/16", "enableDnsHostnames": True})
    inputs = {"vpcId": vpc, "cidrBlock": "10.20.0.0/20", "tags": {"a": "1", "gone": "x"}}
    subnet, state = engine.create(SUBNET, inputs)
    assert load(vpc_state)["enableDnsHostnames"] is True
    assert load(state)["tagsAll"] == {"a": "1", "gone": "x"}

    changed = {**inputs, "tags": {"a": "2"}}
    engine.update(SUBNET, subnet, inputs, changed)
    assert load(engine.read(SUBNET, subnet, changed).inputs) == changed

    engine.delete(SUBNET, subnet, state)
    assert engine.read(SUBNET, subnet, changed).id == ""
    engine.delete(SUBNET, subnet, state)
    engine.delete(VPC, vpc, vpc_state)


def test_a_change_behind_its_back_is_found_by_a_refresh(engine: Engine) -> None:
    inputs = {"name": "/x/drift", "type": "SecureString", "value": "before"}
    name, state = engine.create(PARAMETER, inputs)
    engine.client("ssm").put_parameter(
        Name=name, Value="after", Type="SecureString", Overwrite=True
    )
    assert load(engine.read(PARAMETER, name, inputs).inputs)["value"] == "after"
    engine.delete(PARAMETER, name, state)


def test_the_value_of_a_parameter_is_marked_secret(engine: Engine) -> None:
    inputs = {"name": "/x/secret", "type": "SecureString", "value": "hush"}
    name, state = engine.create(PARAMETER, inputs)
    assert decode(state)["value"] == Secret("hush")
    engine.delete(PARAMETER, name, state)


def test_an_insecure_value_of_a_parameter_is_not_marked_secret_and_is_found_again(
    engine: Engine,
) -> None:
    inputs = {"name": "/x/plain", "type": "String", "insecureValue": "i-1"}
    name, state = engine.create(PARAMETER, inputs)
    assert decode(state)["insecureValue"] == "i-1"
    assert "value" not in load(state)
    changed = {**inputs, "insecureValue": "i-2"}
    engine.update(PARAMETER, name, inputs, changed)
    assert load(engine.read(PARAMETER, name, changed).inputs) == changed
    engine.delete(PARAMETER, name, state)


@pytest.mark.parametrize(
    "values",
    [
        {"type": "SecureString", "insecureValue": "a"},
        {"type": "String", "value": "a", "insecureValue": "a"},
        {"type": "String"},
    ],
)
def test_a_parameter_without_exactly_one_fitting_value_is_refused(
    engine: Engine, values: dict[str, str]
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        engine.create(PARAMETER, {"name": "/x/values", **values})
    assert "must have value or insecureValue" in refusal(caught)[1]


def test_a_parameter_moves_to_another_key_in_place_and_stays_there(engine: Engine) -> None:
    """As terraform-provider-aws: key_id is optional and computed, and updated in place."""

    def seen() -> tuple[Any, Any]:
        found = load(engine.read(PARAMETER, "/x/keyed", inputs).properties)
        return found["keyId"], found["value"]

    inputs: dict[str, Any] = {"name": "/x/keyed", "type": "SecureString", "value": "hush"}
    name, state = engine.create(PARAMETER, inputs)
    assert load(state)["keyId"] == "alias/aws/ssm"
    own = {**inputs, "keyId": "alias/own"}
    engine.update(PARAMETER, name, inputs, own)
    assert seen() == ("alias/own", "hush")
    # Another value is another call, and one without a key is under the account's own.
    engine.update(PARAMETER, name, own, {**own, "value": "hush hush"})
    assert seen() == ("alias/aws/ssm", "hush hush")
    engine.update(PARAMETER, name, inputs, own)
    # Not saying it any more is no change: the key stays.
    assert engine.diff(PARAMETER, own, inputs).changes == provider_pb2.DiffResponse.DIFF_NONE
    state = engine.read(PARAMETER, name, own).properties
    planned = engine.preview_update(PARAMETER, name, own, state, {**inputs, "value": "other"})
    assert planned["keyId"] == "alias/own"
    engine.delete(PARAMETER, name, state)


def test_a_parameter_is_created_under_the_key_that_is_given(engine: Engine) -> None:
    inputs = {"name": "/x/own", "type": "SecureString", "value": "hush", "keyId": "alias/own"}
    name, state = engine.create(PARAMETER, inputs)
    assert load(state)["keyId"] == "alias/own"
    assert load(engine.read(PARAMETER, name, inputs).inputs) == inputs
    engine.delete(PARAMETER, name, state)


def test_a_refused_creation_reports_the_error_of_aws_and_no_traceback(engine: Engine) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        engine.create(SUBNET, {"vpcId": "vpc-0badbadbad", "cidrBlock": "10.0.0.0/20"})
    code, text = refusal(caught)
    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert text.startswith(f"{SUBNET} thing: ")
    assert "InvalidVpcID.NotFound" in text
    assert "Traceback" not in text


def test_an_instance_that_was_created_is_gone_once_terminated(engine: Engine) -> None:
    image = engine.invoke("aws:ssm/getParameter:getParameter", {"name": IMAGE})["value"]
    inputs = {
        "ami": image,
        "instanceType": "t3.small",
        "userDataBase64": "YQ==",
        "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
    }
    instance, state = engine.create(INSTANCE, inputs)
    assert load(state)["instanceState"] == "running"
    assert load(engine.read(INSTANCE, instance, inputs).inputs) == inputs
    engine.client("ec2").terminate_instances(InstanceIds=[instance])
    assert engine.read(INSTANCE, instance, inputs).id == ""


def machine_without_check(engine: Engine) -> tuple[str, str, Any, dict[str, Any]]:
    """An interface with the check off and an instance on it: their ids, its state and inputs."""
    _, subnet = network(engine)
    interface, _ = engine.create(INTERFACE, {"subnetId": subnet, "sourceDestCheck": False})
    inputs = {
        "ami": public_images.IMAGES[0].ami,
        "instanceType": "t3.small",
        "primaryNetworkInterface": {"networkInterfaceId": interface},
    }
    instance, _ = engine.create(INSTANCE, inputs)
    return interface, instance, engine.read(INSTANCE, instance, inputs).properties, inputs


@pytest.mark.parametrize(("state", "is_there"), [("shutting-down", True), ("terminated", False)])
def test_an_instance_is_there_until_it_is_terminated(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, state: str, is_there: bool
) -> None:
    """As `findInstanceByID` of hashicorp/aws has it."""
    _, instance, _, inputs = machine_without_check(engine)
    describe = Instance.describe

    def described(self: Instance, aws: Session, id_: str) -> dict[str, Any] | None:
        return {**(describe(self, aws, id_) or {}), "State": {"Name": state}}

    monkeypatch.setattr(Instance, "describe", described)
    assert (engine.read(INSTANCE, instance, inputs).id == instance) is is_there


def test_the_check_of_an_instance_on_an_interface_cannot_be_given(engine: Engine) -> None:
    """https://github.com/hashicorp/terraform-provider-aws/pull/49198"""
    interface = {"networkInterfaceId": "eni-1"}
    given = {"sourceDestCheck": False, "primaryNetworkInterface": interface}
    assert [each.property for each in engine.check(INSTANCE, given).failures] == ["sourceDestCheck"]


def is_checked(engine: Engine, interface: str) -> bool:
    found = engine.client("ec2").describe_network_interfaces(NetworkInterfaceIds=[interface])
    checked: bool = found["NetworkInterfaces"][0]["SourceDestCheck"]
    return checked


def test_the_next_up_switches_the_check_of_the_interface_on_again(engine: Engine) -> None:
    """https://github.com/hashicorp/terraform-provider-aws/issues/44768"""
    interface, instance, state, inputs = machine_without_check(engine)
    assert not is_checked(engine, interface)
    assert engine.up(INSTANCE, instance, state, inputs) == ["sourceDestCheck"]
    assert is_checked(engine, interface)


def test_an_instance_whose_check_is_ignored_keeps_that_of_its_interface(engine: Engine) -> None:
    interface, instance, state, inputs = machine_without_check(engine)
    ignored = ["sourceDestCheck"]
    assert engine.up(INSTANCE, instance, state, inputs, ignored) == []
    changed = {**inputs, "tags": {"a": "1"}}
    assert engine.up(INSTANCE, instance, state, changed, ignored) == ["tags"]
    assert not is_checked(engine, interface)


def test_what_an_instance_does_when_it_is_switched_off_changes_in_place(engine: Engine) -> None:
    """Optional and computed in hashicorp/aws: EC2's own `stop`, given by name, is no change."""
    shutdown, ignored = "instanceInitiatedShutdownBehavior", ["sourceDestCheck"]
    _, instance, state, inputs = machine_without_check(engine)
    assert load(state)[shutdown] == "stop"
    named = {**inputs, shutdown: "stop"}
    assert engine.up(INSTANCE, instance, state, named, ignored) == []
    ending = {**inputs, shutdown: "terminate"}
    assert engine.up(INSTANCE, instance, state, ending, ignored) == [shutdown]
    found = engine.read(INSTANCE, instance, ending).properties
    assert load(found)[shutdown] == "terminate"
    # Left out, it stays as it is.
    assert engine.up(INSTANCE, instance, found, inputs, ignored) == []
    assert engine.up(INSTANCE, instance, found, named, ignored) == [shutdown]


@pytest.mark.parametrize(
    ("price", "different"),
    [("1", True), ("1.0", False), ("0.01", False), ("10", True), ("10.0", False)],
)
def test_a_spot_price_is_compared_with_the_six_decimals_of_ec2(
    engine: Engine, price: str, different: bool
) -> None:
    options = {"marketType": "spot", "spotOptions": {"maxPrice": price}}
    inputs = {
        "ami": public_images.IMAGES[0].ami,
        "instanceType": "t3.small",
        "instanceMarketOptions": options,
    }
    instance, state = engine.create(INSTANCE, inputs)
    about = {"type": INSTANCE, "id": instance, "olds": state, "old_inputs": encode(inputs)}
    news = engine.check(INSTANCE, inputs).inputs
    found = engine.stub.Diff(provider_pb2.DiffRequest(**about, news=news))
    assert list(found.replaces) == (["instanceMarketOptions"] if different else [])
    engine.delete(INSTANCE, instance, state)


def test_another_instance_type_restarts_the_machine_and_keeps_it(engine: Engine) -> None:
    image = engine.invoke("aws:ssm/getParameter:getParameter", {"name": IMAGE})["value"]
    inputs = {"ami": image, "instanceType": "t3.small"}
    instance, state = engine.create(INSTANCE, inputs)
    engine.update(INSTANCE, instance, inputs, {**inputs, "instanceType": "t3.large"})
    found = load(engine.read(INSTANCE, instance, inputs).properties)
    assert (found["instanceType"], found["instanceState"]) == ("t3.large", "running")
    engine.delete(INSTANCE, instance, state)


def test_cancelling_ends_a_wait_at_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc, _ = engine.create(VPC, {"cidrBlock": "10.30.0.0/16"})
    subnet, _ = engine.create(SUBNET, {"vpcId": vpc, "cidrBlock": "10.30.0.0/20"})
    interface = engine.client("ec2").create_network_interface(SubnetId=subnet)["NetworkInterface"]
    image = engine.invoke("aws:ssm/getParameter:getParameter", {"name": IMAGE})["value"]
    name = interface["NetworkInterfaceId"]
    engine.create(
        INSTANCE,
        {
            "ami": image,
            "instanceType": "t3.small",
            "primaryNetworkInterface": {"networkInterfaceId": name},
        },
    )
    polled, pause = threading.Event(), Wait.pause

    def note(wait: Wait, seconds: float) -> None:
        polled.set()
        pause(wait, seconds)

    def cancel_then() -> None:
        polled.wait(60)
        engine.stub.Cancel(Empty())

    monkeypatch.setattr(Wait, "pause", note)
    cancel = threading.Thread(target=cancel_then)
    cancel.start()
    began = time.monotonic()
    with pytest.raises(grpc.RpcError) as caught:
        # In use by a running instance: this would be waited for a minute.
        engine.delete("aws:ec2/networkInterface:NetworkInterface", name, encode({}))
    assert re.match(
        r"cancelled after \d s\n    last seen: network interface eni-\w+ is ", refusal(caught)[1]
    )
    assert time.monotonic() - began < 30
    # The wait may end before Cancel has its answer, and the fixture closes the channel under it.
    cancel.join()


def test_without_an_endpoint_it_does_not_reach_for_aws(engine: Engine) -> None:
    engine.stub.Configure(provider_pb2.ConfigureRequest(args=encode({"region": "eu-central-1"})))
    with pytest.raises(grpc.RpcError) as caught:
        engine.create(VPC, {"cidrBlock": "10.9.0.0/16"})
    assert "aws:endpoints names no endpoint for ec2" in refusal(caught)[1]


def test_a_local_cloud_that_has_ended_is_named_with_the_way_out(engine: Engine) -> None:
    gone = json.dumps([{"ec2": "http://127.0.0.1:1"}])
    arguments = {"region": "us-east-1", "accessKey": "test", "secretKey": "test", "endpoints": gone}
    engine.stub.Configure(provider_pb2.ConfigureRequest(args=encode(arguments)))
    with pytest.raises(grpc.RpcError) as caught:
        engine.invoke("aws:ec2/getInstanceType:getInstanceType", {"instanceType": "t3.small"})
    assert refusal(caught)[1].endswith(
        'Could not connect to the endpoint URL: "http://127.0.0.1:1/"\n'
        "    the local cloud has ended or was replaced; make demo shows what to do"
    )


def test_a_spot_instance_is_one_and_its_volume_has_the_tags_and_the_size_it_is_given(
    engine: Engine,
) -> None:
    image = public_images.IMAGES[0].ami
    inputs = {
        "ami": image,
        "instanceType": "t3.small",
        "rootBlockDevice": {"volumeSize": 20, "tags": {"owner": "a", "gone": "x"}},
        "instanceMarketOptions": {
            "marketType": "spot",
            "spotOptions": {"maxPrice": "0.01", "spotInstanceType": "one-time"},
        },
    }
    instance, state = engine.create(INSTANCE, inputs)
    assert load(state)["instanceLifecycle"] == "spot"
    changed = {**inputs, "rootBlockDevice": {"volumeSize": 30, "tags": {"owner": "b"}}}
    engine.update(INSTANCE, instance, inputs, changed)
    returned = {"maxPrice": "0.010000", "spotInstanceType": "one-time"}
    market = {"marketType": "spot", "spotOptions": returned}
    found = load(engine.read(INSTANCE, instance, changed).inputs)
    assert found == {**changed, "instanceMarketOptions": market}
    engine.delete(INSTANCE, instance, state)


def test_an_image_a_subnet_and_its_vpc_are_found_by_their_ids(engine: Engine) -> None:
    image = public_images.IMAGES[0].ami
    named = {"filters": [{"name": "image-id", "values": [image]}]}
    found = engine.invoke("aws:ec2/getAmi:getAmi", named)
    assert (found["architecture"], found["rootDeviceName"]) == ("x86_64", "/dev/xvda")
    assert found["blockDeviceMappings"][0]["deviceName"] == "/dev/xvda"
    vpc, _ = engine.create(VPC, {"cidrBlock": "10.77.0.0/16"})
    subnet, _ = engine.create(SUBNET, {"vpcId": vpc, "cidrBlock": "10.77.0.0/20"})
    found = engine.invoke("aws:ec2/getSubnet:getSubnet", {"id": subnet})
    assert (found["vpcId"], found["cidrBlock"]) == (vpc, "10.77.0.0/20")
    ranges = engine.invoke("aws:ec2/getVpc:getVpc", {"id": vpc})["cidrBlockAssociations"]
    assert [each["cidrBlock"] for each in ranges] == ["10.77.0.0/16"]


def test_the_zones_of_an_instance_type_are_found(engine: Engine) -> None:
    asked = {
        "locationType": "availability-zone",
        "filters": [{"name": "instance-type", "values": ["t4g.small"]}],
    }
    found = engine.invoke("aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings", asked)
    zones = {"filters": [{"name": "zone-type", "values": ["availability-zone"]}]}
    names = engine.invoke("aws:index/getAvailabilityZones:getAvailabilityZones", zones)["names"]
    assert set(found["instanceTypes"]) == {"t4g.small"}
    # The old zone of us-east-1 has no Graviton.
    assert sorted(set(names) - set(found["locations"])) == ["us-east-1e"]


def test_an_image_is_found_by_its_id_whether_it_is_deprecated_or_not(engine: Engine) -> None:
    image = public_images.IMAGES[0]
    by_id = {"filters": [{"name": "image-id", "values": [image.ami]}], "includeDeprecated": True}
    found = engine.invoke("aws:ec2/getAmi:getAmi", by_id)
    assert (found["id"], found["name"]) == (image.ami, image.name)
    assert found["includeDeprecated"] is True


@pytest.mark.parametrize(
    ("token", "args", "output"),
    [
        (
            "aws:ec2/getAmi:getAmi",
            {"filters": [{"name": "image-id", "values": ["ami-0badbadbad"]}]},
            "Your query returned no results",
        ),
        ("aws:ec2/getSubnet:getSubnet", {"id": "subnet-0badbadbad"}, "InvalidSubnetID.NotFound"),
    ],
)
def test_what_does_not_exist_is_reported_with_the_error_of_aws(
    engine: Engine, token: str, args: dict[str, Any], output: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        engine.invoke(token, args)
    assert output in refusal(caught)[1]


def test_a_preview_of_a_change_in_place_keeps_what_aws_has_decided(engine: Engine) -> None:
    inputs = {"cidrBlock": "10.78.0.0/16", "tags": {"a": "1"}}
    vpc, state = engine.create(VPC, inputs)
    changed = {"cidrBlock": "10.78.0.0/16", "tags": {"b": "2"}}
    planned = engine.preview_update(VPC, vpc, inputs, state, changed)
    assert planned["arn"] == load(state)["arn"]
    assert planned["tags"] == {"b": "2"}
    # Nothing was changed by it.
    assert load(engine.read(VPC, vpc, inputs).inputs) == inputs
    engine.delete(VPC, vpc, state)


def test_a_preview_of_another_value_does_not_know_the_parameters_version(engine: Engine) -> None:
    inputs = {"name": "/preview", "type": "SecureString", "value": "one"}
    parameter, state = engine.create(PARAMETER, inputs)
    again = engine.preview_update(PARAMETER, parameter, inputs, state, {**inputs, "tags": {}})
    assert again["version"] == 1
    other = engine.preview_update(PARAMETER, parameter, inputs, state, {**inputs, "value": "two"})
    assert other["version"] == UNKNOWN
    engine.delete(PARAMETER, parameter, state)


def test_a_preview_of_a_creation_creates_nothing(engine: Engine) -> None:
    before = engine.client("ec2").describe_vpcs()["Vpcs"]
    answer = engine.stub.Create(
        provider_pb2.CreateRequest(
            type=VPC, properties=encode({"cidrBlock": UNKNOWN}), preview=True
        )
    )
    assert (answer.id, load(answer.properties)) == ("", {"cidrBlock": UNKNOWN})
    assert engine.client("ec2").describe_vpcs()["Vpcs"] == before
