"""Credentials (k3s:aws:Credentials): the keys and tokens of the machines and their operator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from cluster import network, parameters
from cluster.model import Cluster, Role
from components import plugin

# Longer than any cluster we expect to see; a certificate authority cannot be renewed in place.
AUTHORITY_VALIDITY_DAYS = 3650


@dataclass(frozen=True, kw_only=True)
class CredentialsArgs:
    """The cluster they are for, and the passwords of image registries (secret)."""

    cluster: Cluster
    registry_auth: Mapping[str, Any]
    tags: Mapping[str, str]


class Credentials(pulumi.ComponentResource):
    """
    The login key, the authority and the join tokens (k3s:aws:Credentials).

    Creates them with the `k3s` plugin (all secret in state) and the SSM SecureString parameters
    through which machines of each role read theirs at boot; none of them is in user data.
    """

    login_key: plugin.SshKey
    authority: plugin.Authority
    parameters: Mapping[str, list[aws.ssm.Parameter]]
    registry_auth_version: Mapping[str, pulumi.Output[str] | None]
    """By role; another password is another version."""

    def __init__(
        self, name: str, args: CredentialsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("k3s:aws:Credentials", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.login_key = plugin.SshKey(f"{name}-login", {"comment": name}, child)
        self.authority = plugin.Authority(
            name,
            {"name": args.cluster.name, "validityDays": AUTHORITY_VALIDITY_DAYS},
            child,
        )
        server = plugin.Token(
            f"{name}-server", {"caHash": self.authority.caHash, "user": "server"}, child
        )
        agent = plugin.Token(
            f"{name}-agent", {"caHash": self.authority.caHash, "user": "node"}, child
        )
        names = parameters.of(args.cluster)
        secrets = {
            "server": {
                names.server_token: server.password,
                names.server_agent_token: agent.password,
                names.server_authority: self._authority_files(),
            },
            "agent": {names.agent_token: agent.token},
        }
        self.parameters = {
            role: [
                aws.ssm.Parameter(
                    f"{name}-{path.rsplit('/', 2)[-2]}-{path.rsplit('/', 1)[-1]}",
                    name=path,
                    type="SecureString",
                    value=value,
                    tags=dict(args.tags),
                    opts=child,
                )
                for path, value in held.items()
            ]
            for role, held in secrets.items()
        }
        self.registry_auth_version = {
            role: self._give_registry_auth(name, role, args) for role in network.ROLES
        }
        self.register_outputs({"caHash": self.authority.caHash})

    def _give_registry_auth(
        self, name: str, role: Role, args: CredentialsArgs
    ) -> pulumi.Output[str] | None:
        if not args.registry_auth:
            return None
        given = aws.ssm.Parameter(
            f"{name}-{role}-registry-auth",
            name=parameters.registry_auth(args.cluster, role),
            type="SecureString",
            value=pulumi.Output.secret(json.dumps(dict(args.registry_auth))),
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.parameters[role].append(given)
        return given.version.apply(str)

    def _authority_files(self) -> pulumi.Output[str]:
        """Named as k3s expects them under server/tls (reference: k3s docs, custom CA)."""
        return pulumi.Output.secret(
            pulumi.Output.json_dumps(
                {
                    "server-ca.crt": self.authority.serverCaCertificate,
                    "server-ca.key": self.authority.serverCaKey,
                    "client-ca.crt": self.authority.clientCaCertificate,
                    "client-ca.key": self.authority.clientCaKey,
                }
            )
        )
