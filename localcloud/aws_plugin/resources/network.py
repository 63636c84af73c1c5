"""VPCs, subnets, gateways and routes."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from localcloud.aws_plugin.resources.kind import (
    Inputs,
    Kind,
    all_tags,
    as_mapping,
    as_pairs,
    properties,
)
from localcloud.aws_plugin.session import Session
from localcloud.aws_plugin.values import Values


def tag_specification(aws: Session, kind: str, inputs: Inputs) -> list[dict[str, Any]]:
    """The tags of a new EC2 object, or nothing."""
    tags = all_tags(aws, inputs)
    return [{"ResourceType": kind, "Tags": as_pairs(tags)}] if tags else []


def retag(aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
    """Brings the tags of an EC2 object from old to new."""
    before, after = all_tags(aws, old), all_tags(aws, new)
    gone = {key: before[key] for key in before if key not in after}
    if gone:
        aws.client("ec2").delete_tags(Resources=[id_], Tags=as_pairs(gone))
    changed = {key: value for key, value in after.items() if before.get(key) != value}
    if changed:
        aws.client("ec2").create_tags(Resources=[id_], Tags=as_pairs(changed))


def own_tags(aws: Session, found: Mapping[str, Any]) -> Values:
    """Both tag properties: what the program says, and all of them."""
    tags = as_mapping(found.get("Tags") or found.get("TagSet"))
    default = aws.default_tags
    own = {key: value for key, value in tags.items() if default.get(key) != value}
    return {"tags": own or None, "tagsAll": tags}


class Ec2Kind(Kind):
    """An EC2 object that has tags."""

    def update(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        retag(aws, id_, old, new)


class Vpc(Ec2Kind):
    token = "aws:ec2/vpc:Vpc"
    inputs = properties("cidrBlock enableDnsSupport enableDnsHostnames instanceTenancy tags")
    replaces = properties("cidrBlock")

    def create(self, aws: Session, inputs: Inputs) -> str:
        made = aws.client("ec2").create_vpc(
            CidrBlock=inputs["cidrBlock"],
            TagSpecifications=tag_specification(aws, "vpc", inputs),
            **(
                {"InstanceTenancy": inputs["instanceTenancy"]}
                if "instanceTenancy" in inputs
                else {}
            ),
        )
        return str(made["Vpc"]["VpcId"])

    def finish(self, aws: Session, id_: str, inputs: Inputs) -> None:
        self._set_attributes(aws, id_, {"enableDnsSupport": True}, inputs)

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        ec2 = aws.client("ec2")
        found = ec2.describe_vpcs(VpcIds=[id_])["Vpcs"][0]
        attributes = {
            name[0].lower() + name[1:]: ec2.describe_vpc_attribute(
                VpcId=id_, Attribute=name[0].lower() + name[1:]
            )[name]["Value"]
            for name in ("EnableDnsSupport", "EnableDnsHostnames")
        }
        return {
            "arn": f"arn:aws:ec2:{aws.region}:{found['OwnerId']}:vpc/{id_}",
            "cidrBlock": found["CidrBlock"],
            "instanceTenancy": found["InstanceTenancy"],
            "ownerId": found["OwnerId"],
            **attributes,
            **own_tags(aws, found),
        }

    def update(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        super().update(aws, id_, old, new)
        self._set_attributes(aws, id_, old, new)

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        aws.client("ec2").delete_vpc(VpcId=id_)

    @staticmethod
    def _set_attributes(aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        defaults = {"enableDnsSupport": True, "enableDnsHostnames": False}
        for name, default in defaults.items():
            if new.get(name, default) != old.get(name, default):
                aws.client("ec2").modify_vpc_attribute(
                    VpcId=id_, **{name[0].upper() + name[1:]: {"Value": new.get(name, default)}}
                )


class Subnet(Ec2Kind):
    token = "aws:ec2/subnet:Subnet"
    inputs = properties("vpcId cidrBlock availabilityZone mapPublicIpOnLaunch tags")
    replaces = properties("vpcId cidrBlock availabilityZone")

    def create(self, aws: Session, inputs: Inputs) -> str:
        zone = inputs.get("availabilityZone")
        made = aws.client("ec2").create_subnet(
            VpcId=inputs["vpcId"],
            CidrBlock=inputs["cidrBlock"],
            TagSpecifications=tag_specification(aws, "subnet", inputs),
            **({"AvailabilityZone": zone} if zone else {}),
        )
        return str(made["Subnet"]["SubnetId"])

    def finish(self, aws: Session, id_: str, inputs: Inputs) -> None:
        self._set_public(aws, id_, {}, inputs)

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        found = aws.client("ec2").describe_subnets(SubnetIds=[id_])["Subnets"][0]
        return {
            "arn": found["SubnetArn"],
            "vpcId": found["VpcId"],
            "cidrBlock": found["CidrBlock"],
            "availabilityZone": found["AvailabilityZone"],
            "availabilityZoneId": found["AvailabilityZoneId"],
            "mapPublicIpOnLaunch": found["MapPublicIpOnLaunch"],
            "ownerId": found["OwnerId"],
            **own_tags(aws, found),
        }

    def update(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        super().update(aws, id_, old, new)
        self._set_public(aws, id_, old, new)

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        aws.client("ec2").delete_subnet(SubnetId=id_)

    @staticmethod
    def _set_public(aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        wanted = bool(new.get("mapPublicIpOnLaunch"))
        if wanted != bool(old.get("mapPublicIpOnLaunch")):
            aws.client("ec2").modify_subnet_attribute(
                SubnetId=id_, MapPublicIpOnLaunch={"Value": wanted}
            )


class InternetGateway(Ec2Kind):
    token = "aws:ec2/internetGateway:InternetGateway"
    inputs = properties("vpcId tags")

    def create(self, aws: Session, inputs: Inputs) -> str:
        made = aws.client("ec2").create_internet_gateway(
            TagSpecifications=tag_specification(aws, "internet-gateway", inputs)
        )
        return str(made["InternetGateway"]["InternetGatewayId"])

    def finish(self, aws: Session, id_: str, inputs: Inputs) -> None:
        self._move(aws, id_, None, inputs.get("vpcId"))

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        found = aws.client("ec2").describe_internet_gateways(InternetGatewayIds=[id_])
        gateway = found["InternetGateways"][0]
        attached = gateway.get("Attachments") or []
        return {
            "arn": f"arn:aws:ec2:{aws.region}:{gateway.get('OwnerId')}:internet-gateway/{id_}",
            "vpcId": attached[0]["VpcId"] if attached else None,
            "ownerId": gateway.get("OwnerId"),
            **own_tags(aws, gateway),
        }

    def update(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        super().update(aws, id_, old, new)
        self._move(aws, id_, old.get("vpcId"), new.get("vpcId"))

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        found = self.read(aws, id_, known) or {}
        self._move(aws, id_, found.get("vpcId"), None)
        aws.client("ec2").delete_internet_gateway(InternetGatewayId=id_)

    @staticmethod
    def _move(aws: Session, id_: str, source: str | None, target: str | None) -> None:
        if source != target:
            ec2 = aws.client("ec2")
            if source:
                ec2.detach_internet_gateway(InternetGatewayId=id_, VpcId=source)
            if target:
                ec2.attach_internet_gateway(InternetGatewayId=id_, VpcId=target)


class RouteTable(Ec2Kind):
    token = "aws:ec2/routeTable:RouteTable"
    inputs = properties("vpcId tags")
    replaces = properties("vpcId")

    def create(self, aws: Session, inputs: Inputs) -> str:
        made = aws.client("ec2").create_route_table(
            VpcId=inputs["vpcId"],
            TagSpecifications=tag_specification(aws, "route-table", inputs),
        )
        return str(made["RouteTable"]["RouteTableId"])

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        found = aws.client("ec2").describe_route_tables(RouteTableIds=[id_])["RouteTables"][0]
        return {
            "arn": f"arn:aws:ec2:{aws.region}:{found['OwnerId']}:route-table/{id_}",
            "vpcId": found["VpcId"],
            "ownerId": found["OwnerId"],
            **own_tags(aws, found),
        }

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        aws.client("ec2").delete_route_table(RouteTableId=id_)


class Route(Kind):
    token = "aws:ec2/route:Route"
    inputs = properties("routeTableId destinationCidrBlock gatewayId")
    replaces = properties("routeTableId destinationCidrBlock")

    def create(self, aws: Session, inputs: Inputs) -> str:
        aws.client("ec2").create_route(**self._arguments(inputs))
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

    def update(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        aws.client("ec2").replace_route(**self._arguments(new))

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        aws.client("ec2").delete_route(
            RouteTableId=known["routeTableId"], DestinationCidrBlock=known["destinationCidrBlock"]
        )

    @staticmethod
    def _arguments(inputs: Inputs) -> dict[str, Any]:
        return {
            "RouteTableId": inputs["routeTableId"],
            "DestinationCidrBlock": inputs["destinationCidrBlock"],
            "GatewayId": inputs["gatewayId"],
        }


class RouteTableAssociation(Kind):
    token = "aws:ec2/routeTableAssociation:RouteTableAssociation"
    inputs = properties("routeTableId subnetId")
    # Another table gives the association another id, which only a replacement can record.
    replaces = properties("subnetId routeTableId")

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

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        aws.client("ec2").disassociate_route_table(AssociationId=id_)
