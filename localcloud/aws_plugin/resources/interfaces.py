"""Network interfaces and Elastic IPs."""

from __future__ import annotations

from localcloud.aws_plugin.resources.ec2 import Ec2Kind
from localcloud.aws_plugin.resources.kind import Attachable, Inputs, names, properties
from localcloud.aws_plugin.session import Session
from localcloud.aws_plugin.values import Values

DETACH_SECONDS = 60.0


class NetworkInterface(Ec2Kind):
    token = "aws:ec2/networkInterface:NetworkInterface"
    noun = "NetworkInterface"
    inputs = properties("subnetId securityGroups description sourceDestCheck tags")
    replaces = properties("subnetId")
    computed = properties("securityGroups")
    arguments = names("subnetId description", securityGroups="Groups")
    outputs = names(
        "subnetId privateDnsName macAddress sourceDestCheck", privateIp="PrivateIpAddress"
    )

    def finish(self, aws: Session, id_: str, inputs: Inputs) -> None:
        self._set_check(aws, id_, {}, inputs)

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        found = self.describe(aws, id_)
        return {
            **(super().read(aws, id_, known) or {}),
            "securityGroups": sorted(group["GroupId"] for group in found["Groups"]),
            "privateIps": [found["PrivateIpAddress"]],
            "description": found.get("Description") or None,
        }

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        super().change(aws, id_, old, new)
        if new.get("securityGroups") != old.get("securityGroups"):
            aws.client("ec2").modify_network_interface_attribute(
                NetworkInterfaceId=id_, Groups=new["securityGroups"]
            )
        if new.get("description") != old.get("description"):
            aws.client("ec2").modify_network_interface_attribute(
                NetworkInterfaceId=id_, Description={"Value": new.get("description") or ""}
            )
        self._set_check(aws, id_, old, new)

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        def still_attached() -> str | None:
            status = self.describe(aws, id_)["Status"]
            return None if status == "available" else str(status)

        # The interface of a terminated instance is detached a moment later.
        aws.wait(f"network interface {id_}", DETACH_SECONDS, still_attached)
        super().delete(aws, id_, known)

    @staticmethod
    def _set_check(aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        wanted = new.get("sourceDestCheck", True)
        if wanted != old.get("sourceDestCheck", True):
            aws.client("ec2").modify_network_interface_attribute(
                NetworkInterfaceId=id_, SourceDestCheck={"Value": wanted}
            )


class Eip(Attachable, Ec2Kind):
    token = "aws:ec2/eip:Eip"
    noun = "Address"
    plural = "es"
    id_key = "AllocationId"
    resource_type = "elastic-ip"
    verbs = ("allocate", "release")
    inputs = properties("domain networkInterface tags")
    replaces = properties("domain")
    computed = properties("domain networkInterface")
    attachment = "networkInterface"
    arguments = names("domain")
    outputs = names("allocationId associationId domain publicIp", privateIp="PrivateIpAddress")

    def create(self, aws: Session, inputs: Inputs) -> str:
        return super().create(aws, {"domain": "vpc", **inputs})

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        found = self.describe(aws, id_)
        return {
            **(super().read(aws, id_, known) or {}),
            "instance": found.get("InstanceId") or None,
            "networkInterface": found.get("NetworkInterfaceId") or None,
        }

    def attach(self, aws: Session, id_: str, target: str) -> None:
        self.call(aws, "associate", AllocationId=id_, NetworkInterfaceId=target)

    def detach(self, aws: Session, id_: str, target: str) -> None:
        # It may have been detached with its interface already.
        if association := self.describe(aws, id_).get("AssociationId"):
            self.call(aws, "disassociate", AssociationId=association)
