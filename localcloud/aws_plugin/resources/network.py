"""VPCs, subnets, gateways and routes."""

from __future__ import annotations

import zlib

from localcloud.aws_plugin.resources.ec2 import Ec2Kind
from localcloud.aws_plugin.resources.kind import (
    Attachable,
    Inputs,
    Kind,
    names,
    properties,
    renamed,
)
from localcloud.aws_plugin.session import Session
from localcloud.aws_plugin.values import Values

DNS = {"enableDnsSupport": True, "enableDnsHostnames": False}
"""The attributes of a VPC that are not in its description, with the values of a new one."""


class Vpc(Ec2Kind):
    token = "aws:ec2/vpc:Vpc"
    noun = "Vpc"
    inputs = properties("cidrBlock enableDnsSupport enableDnsHostnames tags")
    replaces = properties("cidrBlock")
    computed = properties("cidrBlock enableDnsHostnames")
    arguments = names("cidrBlock")
    outputs = names("cidrBlock instanceTenancy")

    def finish(self, aws: Session, id_: str, inputs: Inputs) -> None:
        self._set_attributes(aws, id_, {}, inputs)

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        attributes = {
            name: aws.client("ec2").describe_vpc_attribute(VpcId=id_, Attribute=name)[_upper(name)]
            for name in DNS
        }
        values = {name: each["Value"] for name, each in attributes.items()}
        return {**(super().read(aws, id_, known) or {}), **values}

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        super().change(aws, id_, old, new)
        self._set_attributes(aws, id_, old, new)

    @staticmethod
    def _set_attributes(aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        for name, default in DNS.items():
            if (wanted := new.get(name, default)) != old.get(name, default):
                aws.client("ec2").modify_vpc_attribute(
                    VpcId=id_, **{_upper(name): {"Value": wanted}}
                )


def _upper(name: str) -> str:
    return name[0].upper() + name[1:]


class Subnet(Ec2Kind):
    token = "aws:ec2/subnet:Subnet"
    noun = "Subnet"
    inputs = properties("vpcId cidrBlock availabilityZone mapPublicIpOnLaunch tags")
    replaces = properties("vpcId cidrBlock availabilityZone")
    computed = properties("cidrBlock availabilityZone")
    arguments = names("vpcId cidrBlock availabilityZone")
    outputs = names("vpcId cidrBlock availabilityZone availabilityZoneId mapPublicIpOnLaunch")

    def finish(self, aws: Session, id_: str, inputs: Inputs) -> None:
        self._set_public(aws, id_, {}, inputs)

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        super().change(aws, id_, old, new)
        self._set_public(aws, id_, old, new)

    @staticmethod
    def _set_public(aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        wanted = bool(new.get("mapPublicIpOnLaunch"))
        if wanted != bool(old.get("mapPublicIpOnLaunch")):
            aws.client("ec2").modify_subnet_attribute(
                SubnetId=id_, MapPublicIpOnLaunch={"Value": wanted}
            )


class InternetGateway(Attachable, Ec2Kind):
    token = "aws:ec2/internetGateway:InternetGateway"
    noun = "InternetGateway"
    inputs = properties("vpcId tags")
    computed = properties("vpcId")
    attachment = "vpcId"

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        attached = self.describe(aws, id_).get("Attachments") or [{}]
        return {**(super().read(aws, id_, known) or {}), "vpcId": attached[0].get("VpcId")}

    def attach(self, aws: Session, id_: str, target: str) -> None:
        self.call(aws, "attach", InternetGatewayId=id_, VpcId=target)

    def detach(self, aws: Session, id_: str, target: str) -> None:
        self.call(aws, "detach", InternetGatewayId=id_, VpcId=target)


class RouteTable(Ec2Kind):
    token = "aws:ec2/routeTable:RouteTable"
    noun = "RouteTable"
    inputs = properties("vpcId tags")
    replaces = properties("vpcId")
    arguments = outputs = names("vpcId")


class Route(Kind):
    token = "aws:ec2/route:Route"
    inputs = properties("routeTableId destinationCidrBlock gatewayId")
    replaces = properties("routeTableId destinationCidrBlock")
    KEY = names("routeTableId destinationCidrBlock")
    ARGUMENTS = names("routeTableId destinationCidrBlock gatewayId")

    def create(self, aws: Session, inputs: Inputs) -> str:
        aws.client("ec2").create_route(**renamed(inputs, self.ARGUMENTS))
        # A route has no id in AWS; this is the one the real provider makes up.
        destination = zlib.crc32(inputs["destinationCidrBlock"].encode())
        return f"r-{inputs['routeTableId']}{destination}"

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        # An import names the route as `<route table>_<destination>`.
        table = known.get("routeTableId") or id_.partition("_")[0]
        destination = known.get("destinationCidrBlock") or id_.partition("_")[2]
        found = aws.client("ec2").describe_route_tables(RouteTableIds=[table])["RouteTables"][0]
        for route in found["Routes"]:
            if route.get("DestinationCidrBlock") == destination:
                return {
                    "routeTableId": table,
                    "destinationCidrBlock": destination,
                    "gatewayId": route.get("GatewayId"),
                    "state": route.get("State"),
                }
        return None

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        aws.client("ec2").replace_route(**renamed(new, self.ARGUMENTS))

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        aws.client("ec2").delete_route(**renamed(known, self.KEY))


class RouteTableAssociation(Kind):
    token = "aws:ec2/routeTableAssociation:RouteTableAssociation"
    inputs = properties("routeTableId subnetId")
    replaces = properties("subnetId")

    def create(self, aws: Session, inputs: Inputs) -> str:
        made = aws.client("ec2").associate_route_table(
            RouteTableId=inputs["routeTableId"], SubnetId=inputs["subnetId"]
        )
        return str(made["AssociationId"])

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        found = aws.client("ec2").describe_route_tables(
            Filters=[{"Name": "association.route-table-association-id", "Values": [id_]}]
        )
        for table in found["RouteTables"]:
            for association in table["Associations"]:
                if association["RouteTableAssociationId"] == id_:
                    return {
                        "routeTableId": table["RouteTableId"],
                        "subnetId": association.get("SubnetId"),
                    }
        return None

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        # AWS gives the association a new id, which the real plugin does not record either:
        # https://github.com/pulumi/pulumi-aws/issues/3911
        aws.client("ec2").replace_route_table_association(
            AssociationId=id_, RouteTableId=new["routeTableId"]
        )

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        aws.client("ec2").disassociate_route_table(AssociationId=id_)
