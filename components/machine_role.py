"""MachineRole (k3s:aws:MachineRole): what a machine may ask of AWS."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from cluster import policies


@dataclass(frozen=True, kw_only=True)
class MachineRoleArgs:
    """The SSM parameters and S3 objects, by ARN, that the machines of the role may read."""

    parameter_arns: Sequence[str]
    object_arns: Sequence[pulumi.Input[str]]
    tags: Mapping[str, str]


class MachineRole(pulumi.ComponentResource):
    """
    The instance profile of all servers, or of all agents (k3s:aws:MachineRole).

    Creates a role, its one inline policy and the instance profile. The policy allows reading
    exactly the given parameters and objects and nothing else; it changes in place.
    """

    profile_name: pulumi.Output[str]
    policy: aws.iam.RolePolicy

    def __init__(
        self, name: str, args: MachineRoleArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("k3s:aws:MachineRole", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            name,
            assume_role_policy=json.dumps(policies.trust_policy()),
            tags=dict(args.tags),
            opts=child,
        )
        self.policy = aws.iam.RolePolicy(
            name,
            role=role.name,
            policy=self._policy(args),
            opts=child,
        )
        profile = aws.iam.InstanceProfile(name, role=role.name, tags=dict(args.tags), opts=child)
        self.profile_name = profile.name
        self.register_outputs({"profileName": self.profile_name})

    @staticmethod
    def _policy(args: MachineRoleArgs) -> pulumi.Input[str]:
        if not args.object_arns:
            # Known at preview, so that a preview shows it.
            return json.dumps(policies.read(args.parameter_arns))
        return pulumi.Output.all(*args.object_arns).apply(
            lambda objects: json.dumps(policies.read(args.parameter_arns, objects))
        )
