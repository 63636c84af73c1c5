"""Credentials (k3s:aws:Credentials): the keys and tokens of the machines and their operator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from cluster import network, parameters, restore
from cluster.model import Cluster
from cluster.spec import Role
from components import plugin
from components.parameter import SecretParameters

# Longer than the life of a cluster; a certificate authority cannot be renewed in place.
AUTHORITY_EXPIRY_DAYS = 3650


@dataclass(frozen=True, kw_only=True)
class CredentialsArgs:
    """
    The cluster they are for; secret: the registries' passwords, the operator's login key, and the
    credentials of the snapshot where the data is restored in this update.
    """

    cluster: Cluster
    registry_auth: Mapping[str, Any]
    login_key: str | None
    restored: restore.Credentials | None
    parameters: SecretParameters


class Credentials(pulumi.ComponentResource):
    """
    The login key, the authority and the join tokens (k3s:aws:Credentials).

    Creates them with the `k3s` plugin (all secret in state) and the SSM SecureString parameters
    through which machines of each role read theirs at boot; none of them is in user data.
    """

    login_key: plugin.SshKey
    authority: plugin.CertificateAuthority
    parameters: Mapping[Role, list[aws.ssm.Parameter]]
    secrets: Mapping[Role, Mapping[str, pulumi.Input[str]]]
    """By role, what its machines share and may be given again, by the keys of parameters.py."""

    def __init__(
        self, name: str, args: CredentialsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("k3s:aws:Credentials", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        self._name, self._args = name, args
        self.login_key = self._make_login_key()
        self.authority = self._make_authority()
        self._parameters = args.parameters.of(self.authority)
        self.secrets = self._secrets()
        self.parameters = {role: self._give(role) for role in network.ROLES}
        self.register_outputs({"caHash": self.authority.caHash})

    def _make_login_key(self) -> plugin.SshKey:
        rotation, own = self._args.cluster.rotation, self._args.login_key
        inputs: plugin.SshKeyInputs = {
            "comment": self._name,
            "generation": str(rotation.login_key),
        }
        if own:
            inputs["privateKey"] = pulumi.Output.secret(own)
        return plugin.SshKey(f"{self._name}-login-key", inputs, self._child)

    def _make_authority(self) -> plugin.CertificateAuthority:
        inputs: plugin.CertificateAuthorityInputs = {
            "name": self._args.cluster.name,
            "expiryDays": AUTHORITY_EXPIRY_DAYS,
        }
        if restored := self._args.restored:
            inputs["given"] = pulumi.Output.secret(json.dumps(dict(restored.authority)))
        return plugin.CertificateAuthority(self._name, inputs, self._child)

    def _token(self, role: Role, user_name: str, given: str | None) -> plugin.Token:
        inputs: plugin.TokenInputs = {
            "caHash": self.authority.caHash,
            "userName": user_name,
            "generation": str(self._args.cluster.rotation.join_tokens),
        }
        if given:
            inputs["given"] = pulumi.Output.secret(given)
        return plugin.Token(f"{self._name}-{role}", inputs, self._child)

    def _secrets(self) -> dict[Role, dict[str, pulumi.Input[str]]]:
        restored = self._args.restored
        server = self._token("server", "server", restored.server_password if restored else None)
        agent = self._token("agent", "node", restored.agent_password if restored else None)
        shared: dict[str, pulumi.Input[str]] = {"authorizedKeys": self.login_key.publicKey}
        if self._args.registry_auth:
            auth = parameters.registry_auth_value(self._args.registry_auth)
            shared[parameters.REGISTRY_AUTH] = pulumi.Output.secret(auth)
        return {
            "server": {"token": server.token, "agentToken": agent.password, **shared},
            "agent": {"token": agent.token, **shared},
        }

    def _give(self, role: Role) -> list[aws.ssm.Parameter]:
        values = dict(self.secrets[role])
        if role == "server":
            values["authority"] = self._authority_files()
        names = parameters.shared(
            self._args.cluster, role, registries=bool(self._args.registry_auth)
        )
        return [
            self._parameters.create(
                f"{self._name}-{role}-{path.rsplit('/', 1)[-1]}", path, values[key], self._child
            )
            for key, path in names.items()
        ]

    def _authority_files(self) -> pulumi.Output[str]:
        """Named as k3s expects them under server/tls (reference: k3s docs, custom CA)."""
        return pulumi.Output.json_dumps(
            {
                "server-ca.crt": self.authority.serverCaCertificate,
                "server-ca.key": self.authority.serverCaKey,
                "client-ca.crt": self.authority.clientCaCertificate,
                "client-ca.key": self.authority.clientCaKey,
            }
        )
