"""Network interfaces and Elastic IPs."""

from __future__ import annotations

from localcloud.aws_plugin.resources.kind import Inputs, properties
from localcloud.aws_plugin.resources.network import Ec2Kind, own_tags, tag_specification
from localcloud.aws_plugin.session import Session
from localcloud.aws_plugin.values import Values

DETACH_SECONDS = 60.0


class NetworkInterface(Ec2Kind):
    token = "aws:ec2/networkInterface:NetworkInterface"
    inputs = properties("subnetId securityGroups privateIp description sourceDestCheck tags")
    replaces = properties("subnetId")

    def create(self, aws: Session, inputs: Inputs) -> str:
        optional = {
            "Groups": inputs.get("securityGroups"),
            "PrivateIpAddress": inputs.get("privateIp"),
            "Description": inputs.get("description"),
        }
        made = aws.client("ec2").create_network_interface(
            SubnetId=inputs["subnetId"],
            TagSpecifications=tag_specification(aws, "network-interface", inputs),
            **{key: value for key, value in optional.items() if value},
        )
        return str(made["NetworkInterface"]["NetworkInterfaceId"])

    def finish(self, aws: Session, id_: str, inputs: Inputs) -> None:
        self._set_check(aws, id_, {}, inputs)

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        answer = aws.client("ec2").describe_network_interfaces(NetworkInterfaceIds=[id_])
        found = answer["NetworkInterfaces"][0]
        return {
            "arn": f"arn:aws:ec2:{aws.region}:{found['OwnerId']}:network-interface/{id_}",
            "subnetId": found["SubnetId"],
            "securityGroups": sorted(group["GroupId"] for group in found["Groups"]),
            "privateIp": found["PrivateIpAddress"],
            "privateIps": [found["PrivateIpAddress"]],
            "privateDnsName": found.get("PrivateDnsName"),
            "macAddress": found["MacAddress"],
            "description": found.get("Description") or None,
            "sourceDestCheck": found["SourceDestCheck"],
            "ownerId": found["OwnerId"],
            **own_tags(aws, found),
        }

    def update(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        super().update(aws, id_, old, new)
        if new.get("securityGroups") != old.get("securityGroups"):
            aws.client("ec2").modify_network_interface_attribute(
                NetworkInterfaceId=id_, Groups=new.get("securityGroups") or []
            )
        self._set_check(aws, id_, old, new)

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        ec2 = aws.client("ec2")

        def still_attached() -> str | None:
            found = ec2.describe_network_interfaces(NetworkInterfaceIds=[id_])
            status = found["NetworkInterfaces"][0]["Status"]
            return None if status == "available" else str(status)

        # A terminated instance lets go of its interface a moment later.
        aws.wait(f"network interface {id_}", DETACH_SECONDS, still_attached)
        ec2.delete_network_interface(NetworkInterfaceId=id_)

    @staticmethod
    def _set_check(aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        wanted = new.get("sourceDestCheck", True)
        if wanted != old.get("sourceDestCheck", True):
            aws.client("ec2").modify_network_interface_attribute(
                NetworkInterfaceId=id_, SourceDestCheck={"Value": wanted}
            )


class Eip(Ec2Kind):
    token = "aws:ec2/eip:Eip"
    inputs = properties("domain networkInterface tags")
    replaces = properties("domain")

    def create(self, aws: Session, inputs: Inputs) -> str:
        made = aws.client("ec2").allocate_address(
            Domain=inputs.get("domain") or "vpc",
            TagSpecifications=tag_specification(aws, "elastic-ip", inputs),
        )
        return str(made["AllocationId"])

    def finish(self, aws: Session, id_: str, inputs: Inputs) -> None:
        self._move(aws, id_, None, inputs.get("networkInterface"))

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        found = aws.client("ec2").describe_addresses(AllocationIds=[id_])["Addresses"][0]
        return {
            "allocationId": id_,
            "associationId": found.get("AssociationId"),
            "domain": found["Domain"],
            "instance": found.get("InstanceId") or None,
            "networkInterface": found.get("NetworkInterfaceId") or None,
            "privateIp": found.get("PrivateIpAddress"),
            "publicIp": found["PublicIp"],
            **own_tags(aws, found),
        }

    def update(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        super().update(aws, id_, old, new)
        self._move(aws, id_, old.get("networkInterface"), new.get("networkInterface"))

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        found = self.read(aws, id_, known) or {}
        self._move(aws, id_, found.get("networkInterface"), None)
        aws.client("ec2").release_address(AllocationId=id_)

    def _move(self, aws: Session, id_: str, source: str | None, target: str | None) -> None:
        if source == target:
            return
        ec2 = aws.client("ec2")
        if source:
            address = ec2.describe_addresses(AllocationIds=[id_])["Addresses"][0]
            if address.get("AssociationId"):
                ec2.disassociate_address(AssociationId=address["AssociationId"])
        if target:
            ec2.associate_address(AllocationId=id_, NetworkInterfaceId=target)
