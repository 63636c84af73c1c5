"""MachineRole (k3s:aws:MachineRole): what a machine may ask of AWS."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from cluster import policies
from components import plugin


@dataclass(frozen=True, kw_only=True)
class MachineRoleArgs:
    """
    The SSM parameters, the KMS key of them if it is not the account's own, and the S3 objects, all
    by ARN, that the machines of the role may read; `all_parameters` are those of the cluster.

    `written_arns` are S3 objects that they may write, encrypted with `written_key_arn` if that is
    not S3's own key. `own_parameter_arn` gives the parameter that a machine alone reads, from its
    private address.
    """

    parameter_arns: Sequence[str]
    private_ips: Sequence[pulumi.Input[str]]
    own_parameter_arn: Callable[[str], str]
    partition: str
    all_parameters: str
    key_arn: str | None
    object_arns: Sequence[pulumi.Input[str]]
    written_arns: Sequence[pulumi.Input[str]] = ()
    written_key_arn: str | None = None
    tags: Mapping[str, pulumi.Input[str]]


class MachineRole(pulumi.ComponentResource):
    """
    The instance profile of servers or of agents (k3s:aws:MachineRole).

    Creates a role, its inline policy and the instance profile. The policy allows reading and
    writing exactly what is given and nothing else; it changes in place. Once their nodes are there,
    a second policy denies the parameters to the machines that have joined.
    """

    profile_name: pulumi.Output[str]
    policy: aws.iam.RolePolicy

    def __init__(
        self, name: str, args: MachineRoleArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("k3s:aws:MachineRole", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self._name, self._args = name, args
        role = aws.iam.Role(
            name,
            assume_role_policy=json.dumps(policies.trust_policy(args.partition)),
            tags=dict(args.tags),
            opts=child,
        )
        self.policy = aws.iam.RolePolicy(
            name,
            role=role.name,
            policy=self._policy(args),
            opts=child,
        )
        self._role_name = role.name
        profile = aws.iam.InstanceProfile(name, role=role.name, tags=dict(args.tags), opts=child)
        self.profile_name = profile.name
        self.register_outputs({"instanceProfileName": self.profile_name})

    def deny_parameters(self, nodes: Sequence[plugin.Node]) -> None:
        """Denies the parameters to the machines of these nodes, which have joined."""

        def render(instance_ids: Sequence[str]) -> str:
            return json.dumps(policies.deny_parameters(self._args.all_parameters, instance_ids))

        aws.iam.RolePolicy(
            f"{self._name}-deny-parameters",
            role=self._role_name,
            # Of the nodes, not of the instances: it is known when they are Ready.
            policy=pulumi.Output.all(*[node.instanceId for node in nodes]).apply(render),
            opts=pulumi.ResourceOptions(parent=self),
        )

    @staticmethod
    def _policy(args: MachineRoleArgs) -> pulumi.Input[str]:
        def render(known: Mapping[str, Any]) -> str:
            own = {address: args.own_parameter_arn(address) for address in known["addresses"]}
            return json.dumps(
                policies.read(
                    args.parameter_arns,
                    own,
                    known["objects"],
                    args.key_arn,
                    written=policies.write(known["written"], args.written_key_arn),
                )
            )

        return pulumi.Output.all(
            addresses=list(args.private_ips),
            objects=list(args.object_arns),
            written=list(args.written_arns),
        ).apply(render)
