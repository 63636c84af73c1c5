"""Security groups and their rules, each rule a resource of its own."""

from __future__ import annotations

from typing import Any

from localcloud.aws_plugin.resources.kind import Inputs, Kind, properties
from localcloud.aws_plugin.resources.network import Ec2Kind, own_tags, retag, tag_specification
from localcloud.aws_plugin.session import Session
from localcloud.aws_plugin.values import Values

EVERYTHING = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]


class SecurityGroup(Ec2Kind):
    token = "aws:ec2/securityGroup:SecurityGroup"
    inputs = properties("name description vpcId tags")
    replaces = properties("name description vpcId")
    named = "name"

    def create(self, aws: Session, inputs: Inputs) -> str:
        made = aws.client("ec2").create_security_group(
            GroupName=inputs["name"],
            Description=inputs.get("description") or "Managed by Pulumi",
            VpcId=inputs["vpcId"],
            TagSpecifications=tag_specification(aws, "security-group", inputs),
        )
        return str(made["GroupId"])

    def finish(self, aws: Session, id_: str, inputs: Inputs) -> None:
        # AWS lets a new group speak to everybody; the real plugin takes that back.
        aws.client("ec2").revoke_security_group_egress(GroupId=id_, IpPermissions=EVERYTHING)

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        found = aws.client("ec2").describe_security_groups(GroupIds=[id_])["SecurityGroups"][0]
        return {
            "arn": f"arn:aws:ec2:{aws.region}:{found['OwnerId']}:security-group/{id_}",
            "name": found["GroupName"],
            "description": found["Description"],
            "vpcId": found["VpcId"],
            "ownerId": found["OwnerId"],
            **own_tags(aws, found),
        }

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        aws.client("ec2").delete_security_group(GroupId=id_)


class SecurityGroupRule(Kind):
    """What ingress and egress rules share; `direction` is the API's word."""

    inputs = properties(
        "securityGroupId ipProtocol fromPort toPort cidrIpv4 referencedSecurityGroupId "
        "description tags"
    )
    replaces = properties("securityGroupId")
    direction: str

    def create(self, aws: Session, inputs: Inputs) -> str:
        authorize = getattr(aws.client("ec2"), f"authorize_security_group_{self.direction}")
        made = authorize(
            GroupId=inputs["securityGroupId"],
            IpPermissions=[_permission(inputs)],
            TagSpecifications=tag_specification(aws, "security-group-rule", inputs),
        )
        return str(made["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        found = aws.client("ec2").describe_security_group_rules(SecurityGroupRuleIds=[id_])
        if not found["SecurityGroupRules"]:
            return None
        rule = found["SecurityGroupRules"][0]
        reference = rule.get("ReferencedGroupInfo") or {}
        all_traffic = rule["IpProtocol"] == "-1"
        return {
            "arn": rule.get("SecurityGroupRuleArn"),
            "securityGroupRuleId": id_,
            "securityGroupId": rule["GroupId"],
            "ipProtocol": rule["IpProtocol"],
            "fromPort": None if all_traffic else rule.get("FromPort"),
            "toPort": None if all_traffic else rule.get("ToPort"),
            "cidrIpv4": rule.get("CidrIpv4"),
            "referencedSecurityGroupId": reference.get("GroupId"),
            "description": rule.get("Description"),
            **own_tags(aws, rule),
        }

    def update(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        retag(aws, id_, old, new)
        if _permission(old) != _permission(new):
            aws.client("ec2").modify_security_group_rules(
                GroupId=new["securityGroupId"],
                SecurityGroupRules=[
                    {"SecurityGroupRuleId": id_, "SecurityGroupRule": _request(new)}
                ],
            )

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        revoke = getattr(aws.client("ec2"), f"revoke_security_group_{self.direction}")
        revoke(GroupId=known["securityGroupId"], SecurityGroupRuleIds=[id_])


class SecurityGroupIngressRule(SecurityGroupRule):
    token = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    direction = "ingress"


class SecurityGroupEgressRule(SecurityGroupRule):
    token = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
    direction = "egress"


def _permission(inputs: Inputs) -> dict[str, Any]:
    described = {"Description": inputs["description"]} if inputs.get("description") else {}
    permission: dict[str, Any] = {"IpProtocol": inputs["ipProtocol"]}
    if inputs["ipProtocol"] != "-1":
        permission |= {"FromPort": inputs["fromPort"], "ToPort": inputs["toPort"]}
    if inputs.get("cidrIpv4"):
        permission["IpRanges"] = [{"CidrIp": inputs["cidrIpv4"], **described}]
    if inputs.get("referencedSecurityGroupId"):
        group = {"GroupId": inputs["referencedSecurityGroupId"], **described}
        permission["UserIdGroupPairs"] = [group]
    return permission


def _request(inputs: Inputs) -> dict[str, Any]:
    request = {
        "IpProtocol": inputs["ipProtocol"],
        "FromPort": inputs.get("fromPort", -1),
        "ToPort": inputs.get("toPort", -1),
        "CidrIpv4": inputs.get("cidrIpv4"),
        "ReferencedGroupId": inputs.get("referencedSecurityGroupId"),
        "Description": inputs.get("description"),
    }
    return {key: value for key, value in request.items() if value is not None}
