"""Security groups and their rules, each rule a resource of its own."""

from __future__ import annotations

from typing import Any

from localcloud.aws_plugin.resources.ec2 import Ec2Kind, retag_ec2, tag_specification
from localcloud.aws_plugin.resources.kind import (
    Inputs,
    Kind,
    names,
    properties,
    renamed,
    selected,
    tag_outputs,
)
from localcloud.aws_plugin.session import Session
from localcloud.aws_plugin.values import Values

EVERYTHING = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
RULE = names(
    "ipProtocol fromPort toPort cidrIpv4 description",
    referencedSecurityGroupId="ReferencedGroupId",
)
DESCRIBED = names(
    "ipProtocol fromPort toPort cidrIpv4 description",
    arn="SecurityGroupRuleArn",
    securityGroupId="GroupId",
)
SOURCES = ("cidrIpv4", "referencedSecurityGroupId")


class SecurityGroup(Ec2Kind):
    token = "aws:ec2/securityGroup:SecurityGroup"
    noun = "SecurityGroup"
    id_key = "GroupId"
    inputs = properties("name description vpcId tags")
    replaces = properties("name description vpcId")
    computed = properties("vpcId")
    named = "name"
    arguments = outputs = names("description vpcId", name="GroupName")

    def finish(self, aws: Session, id_: str, inputs: Inputs) -> None:
        # AWS gives a new group a rule for all egress; the real plugin revokes it.
        aws.client("ec2").revoke_security_group_egress(GroupId=id_, IpPermissions=EVERYTHING)


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
        return {
            "securityGroupRuleId": id_,
            "referencedSecurityGroupId": reference.get("GroupId"),
            **selected(rule, DESCRIBED),
            **({"fromPort": None, "toPort": None} if rule["IpProtocol"] == "-1" else {}),
            **tag_outputs(aws, rule.get("Tags")),
        }

    def replaced_by(self, path: str, new: Inputs) -> bool:
        # EC2 changes a source in place, but not its kind.
        return super().replaced_by(path, new) or (path in SOURCES and not new.get(path))

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        retag_ec2(aws, id_, old, new)
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
    return {"FromPort": -1, "ToPort": -1, **renamed(inputs, RULE)}
