"""Roles, their inline policies, and instance profiles."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

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


def document(found: Any, known: Any) -> str:
    """A policy as text; the program's own spelling where both say the same."""
    actual = found if isinstance(found, dict) else json.loads(unquote(found))
    if isinstance(known, str) and known and json.loads(known) == actual:
        return known
    return json.dumps(actual)


def own(aws: Session, tags: dict[str, str]) -> Values:
    """Both tag properties."""
    mine = {key: value for key, value in tags.items() if aws.default_tags.get(key) != value}
    return {"tags": mine or None, "tagsAll": tags}


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
        return {
            "arn": found["Arn"],
            "name": found["RoleName"],
            "uniqueId": found["RoleId"],
            "description": found.get("Description") or None,
            "assumeRolePolicy": document(
                found["AssumeRolePolicyDocument"], known.get("assumeRolePolicy")
            ),
            **own(aws, as_mapping(found.get("Tags"))),
        }

    def update(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        iam = aws.client("iam")
        if new["assumeRolePolicy"] != old["assumeRolePolicy"]:
            iam.update_assume_role_policy(RoleName=id_, PolicyDocument=new["assumeRolePolicy"])
        if new.get("description") != old.get("description"):
            iam.update_role(RoleName=id_, Description=new.get("description") or "")
        before, after = all_tags(aws, old), all_tags(aws, new)
        if gone := [key for key in before if key not in after]:
            iam.untag_role(RoleName=id_, TagKeys=gone)
        if after:
            iam.tag_role(RoleName=id_, Tags=as_pairs(after))

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        aws.client("iam").delete_role(RoleName=id_)


class RolePolicy(Kind):
    token = "aws:iam/rolePolicy:RolePolicy"
    inputs = properties("name role policy")
    replaces = properties("name role")
    named = "name"

    def create(self, aws: Session, inputs: Inputs) -> str:
        self._put(aws, inputs)
        return f"{inputs['role']}:{inputs['name']}"

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        role, _, name = id_.partition(":")
        found = aws.client("iam").get_role_policy(RoleName=role, PolicyName=name)
        policy = document(found["PolicyDocument"], known.get("policy"))
        return {"role": role, "name": name, "policy": policy}

    def update(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        self._put(aws, new)

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        role, _, name = id_.partition(":")
        aws.client("iam").delete_role_policy(RoleName=role, PolicyName=name)

    @staticmethod
    def _put(aws: Session, inputs: Inputs) -> None:
        aws.client("iam").put_role_policy(
            RoleName=inputs["role"], PolicyName=inputs["name"], PolicyDocument=inputs["policy"]
        )


class InstanceProfile(Kind):
    token = "aws:iam/instanceProfile:InstanceProfile"
    inputs = properties("name role tags")
    replaces = properties("name")
    named = "name"

    def create(self, aws: Session, inputs: Inputs) -> str:
        aws.client("iam").create_instance_profile(
            InstanceProfileName=inputs["name"], Tags=as_pairs(all_tags(aws, inputs))
        )
        return str(inputs["name"])

    def finish(self, aws: Session, id_: str, inputs: Inputs) -> None:
        self._move(aws, id_, None, inputs.get("role"))

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        found = aws.client("iam").get_instance_profile(InstanceProfileName=id_)["InstanceProfile"]
        roles = found.get("Roles") or []
        return {
            "arn": found["Arn"],
            "name": found["InstanceProfileName"],
            "uniqueId": found["InstanceProfileId"],
            "role": roles[0]["RoleName"] if roles else None,
            **own(aws, as_mapping(found.get("Tags"))),
        }

    def update(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        self._move(aws, id_, old.get("role"), new.get("role"))
        before, after = all_tags(aws, old), all_tags(aws, new)
        iam = aws.client("iam")
        if gone := [key for key in before if key not in after]:
            iam.untag_instance_profile(InstanceProfileName=id_, TagKeys=gone)
        if after:
            iam.tag_instance_profile(InstanceProfileName=id_, Tags=as_pairs(after))

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        found = self.read(aws, id_, known) or {}
        self._move(aws, id_, found.get("role"), None)
        aws.client("iam").delete_instance_profile(InstanceProfileName=id_)

    @staticmethod
    def _move(aws: Session, id_: str, source: str | None, target: str | None) -> None:
        iam = aws.client("iam")
        if source and source != target:
            iam.remove_role_from_instance_profile(InstanceProfileName=id_, RoleName=source)
        if target and source != target:
            iam.add_role_to_instance_profile(InstanceProfileName=id_, RoleName=target)
