"""Roles, their inline policies, and instance profiles."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from localcloud.aws_plugin.resources.kind import (
    Attachable,
    Inputs,
    Kind,
    Written,
    all_tags,
    as_pairs,
    names,
    properties,
    renamed,
    retag,
    selected,
    tag_outputs,
)
from localcloud.aws_plugin.session import Session
from localcloud.aws_plugin.values import Values


def document(found: Any, known: Any) -> str:
    """A policy as text; the program's own text where both mean the same."""
    actual = found if isinstance(found, dict) else json.loads(unquote(found))
    if isinstance(known, str) and known and json.loads(known) == actual:
        return known
    return json.dumps(actual)


class Role(Kind):
    token = "aws:iam/role:Role"
    inputs = properties("name assumeRolePolicy description tags")
    replaces = properties("name")
    named = "name"

    def create(self, aws: Session, inputs: Inputs) -> str:
        aws.client("iam").create_role(
            RoleName=inputs["name"],
            AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
            Description=inputs.get("description") or "",
            Tags=as_pairs(all_tags(aws, inputs)),
        )
        return str(inputs["name"])

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        found = aws.client("iam").get_role(RoleName=id_)["Role"]
        policy = document(found["AssumeRolePolicyDocument"], known.get("assumeRolePolicy"))
        return {
            "assumeRolePolicy": policy,
            "description": found.get("Description") or None,
            **selected(found, names("arn", name="RoleName", uniqueId="RoleId")),
            **tag_outputs(aws, found.get("Tags")),
        }

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        iam = aws.client("iam")
        if new["assumeRolePolicy"] != old["assumeRolePolicy"]:
            iam.update_assume_role_policy(RoleName=id_, PolicyDocument=new["assumeRolePolicy"])
        if new.get("description") != old.get("description"):
            iam.update_role(RoleName=id_, Description=new.get("description") or "")
        retag(aws, old, new, iam.tag_role, iam.untag_role, RoleName=id_)

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        aws.client("iam").delete_role(RoleName=id_)


class RolePolicy(Written):
    token = "aws:iam/rolePolicy:RolePolicy"
    inputs = properties("name role policy")
    replaces = properties("name role")
    named = "name"
    KEY = names("", role="RoleName", name="PolicyName")

    def id_of(self, inputs: Inputs) -> str:
        return f"{inputs['role']}:{inputs['name']}"

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        role, _, name = id_.partition(":")
        found = aws.client("iam").get_role_policy(RoleName=role, PolicyName=name)
        policy = document(found["PolicyDocument"], known.get("policy"))
        return {"role": role, "name": name, "policy": policy}

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        aws.client("iam").put_role_policy(**renamed(new, self.KEY), PolicyDocument=new["policy"])

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        role, _, name = id_.partition(":")
        aws.client("iam").delete_role_policy(RoleName=role, PolicyName=name)


PROFILE = names("arn", name="InstanceProfileName", uniqueId="InstanceProfileId")


class Profile(Kind):
    """An instance profile without its role."""

    def create(self, aws: Session, inputs: Inputs) -> str:
        aws.client("iam").create_instance_profile(
            InstanceProfileName=inputs["name"], Tags=as_pairs(all_tags(aws, inputs))
        )
        return str(inputs["name"])

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        found = aws.client("iam").get_instance_profile(InstanceProfileName=id_)["InstanceProfile"]
        roles = found.get("Roles") or [{}]
        return {
            "role": roles[0].get("RoleName"),
            **selected(found, PROFILE),
            **tag_outputs(aws, found.get("Tags")),
        }

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        iam = aws.client("iam")
        calls = (iam.tag_instance_profile, iam.untag_instance_profile)
        retag(aws, old, new, *calls, InstanceProfileName=id_)

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        aws.client("iam").delete_instance_profile(InstanceProfileName=id_)


class InstanceProfile(Attachable, Profile):
    token = "aws:iam/instanceProfile:InstanceProfile"
    inputs = properties("name role tags")
    replaces = properties("name")
    named = "name"
    attachment = "role"

    def attach(self, aws: Session, id_: str, target: str) -> None:
        iam = aws.client("iam")
        iam.add_role_to_instance_profile(InstanceProfileName=id_, RoleName=target)

    def detach(self, aws: Session, id_: str, target: str) -> None:
        iam = aws.client("iam")
        iam.remove_role_from_instance_profile(InstanceProfileName=id_, RoleName=target)
