"""An AWS account of moto, with a network that is in the stack's state."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import pytest

from recovery.interrupted import Creation, Interrupted
from recovery.leftover import Leftover
from recovery.leftovers import find
from tests.localcloud.aws_plugin.conftest import endpoint

__all__ = ["endpoint"]

TAGS = {"k3s-aws:cluster": "blue", "k3s-aws:stack": "dev", "Name": "blue-thing"}
OTHER_TAGS = {**TAGS, "k3s-aws:stack": "prod"}
TRUST = '{"Version": "2012-10-17", "Statement": []}'
POLICY = """{"Version": "2012-10-17", "Statement":
    [{"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"}]}"""


@cache
def client(endpoint_url: str, service: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def tagged(kind: str, tags: dict[str, str]) -> list[dict[str, Any]]:
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    return [{"ResourceType": kind, "Tags": pairs}]


@dataclass(frozen=True)
class Account:
    """The resources that are in the state of the stack."""

    endpoint: str
    ec2: Any
    iam: Any
    ssm: Any
    vpc: str
    subnet: str
    group: str
    table: str
    gateway: str
    interface: str

    def client(self, service: str) -> Any:
        return client(self.endpoint, service)

    @property
    def recorded_ids(self) -> frozenset[str]:
        return frozenset([self.vpc, self.subnet, self.group, self.table, self.gateway])

    def left_by(self, kind: str, inputs: dict[str, Any], *recorded: str) -> list[Leftover]:
        """What recovery finds of one interrupted creation."""
        creations = [Creation(kind, inputs)]
        return find(
            Interrupted(creations, self.recorded_ids | frozenset(recorded), "urn"), self.client
        )


@pytest.fixture
def account(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    request = urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")  # noqa: S310
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310
    ec2, iam, ssm = (client(endpoint, service) for service in ("ec2", "iam", "ssm"))
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=tagged("vpc", TAGS))
    vpc_id = vpc["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(VpcId=vpc_id, GroupName="recorded", Description="k3s")
    table = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    interface = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
    iam.create_role(RoleName="recorded", AssumeRolePolicyDocument=TRUST)
    return Account(
        *(endpoint, ec2, iam, ssm, vpc_id, subnet, group["GroupId"], table, gateway),
        interface["NetworkInterfaceId"],
    )
