"""The SSM parameters a cluster's secrets travel in: their names, and which role reads which."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.model import Cluster, Node, Role


@dataclass(frozen=True, kw_only=True)
class ParameterNames:
    """The parameters all machines of a role share."""

    server_token: str
    server_agent_token: str
    server_authority: str
    agent_token: str


def of(cluster: Cluster) -> ParameterNames:
    """The shared parameters of the cluster."""
    return ParameterNames(
        server_token=f"{_home(cluster, 'server')}/token",
        server_agent_token=f"{_home(cluster, 'server')}/agent-token",
        server_authority=f"{_home(cluster, 'server')}/authority",
        agent_token=f"{_home(cluster, 'agent')}/token",
    )


def host_key(cluster: Cluster, node: Node) -> str:
    """The parameter with the SSH host key of one machine."""
    return f"{_home(cluster, node.role)}/host-keys/{node.suffix}"


def registry_auth(cluster: Cluster, role: Role) -> str:
    """The parameter with the passwords of image registries."""
    return f"{_home(cluster, role)}/registry-auth"


def readable_by(cluster: Cluster, role: Role, *, registries: bool = False) -> tuple[str, ...]:
    """
    Every parameter a machine of the role may read, host keys as a pattern; agents read nothing of
    the servers'. `registries`: whether there are passwords of image registries.

    Naming each host key would grow the policy with the pools, past IAM's 10,240 characters at
    about a hundred machines, and change it whenever a machine is added.
    """
    names = of(cluster)
    shared = {
        "server": (names.server_token, names.server_agent_token, names.server_authority),
        "agent": (names.agent_token,),
    }[role]
    of_registries = (registry_auth(cluster, role),) if registries else ()
    return (*shared, *of_registries, f"{_home(cluster, role)}/host-keys/*")


def arn(name: str, *, partition: str, region: str, account_id: str) -> str:
    """The ARN of a parameter whose name begins with a slash."""
    return f"arn:{partition}:ssm:{region}:{account_id}:parameter{name}"


def _home(cluster: Cluster, role: Role) -> str:
    return f"/k3s-aws/{cluster.name}-{cluster.stack}/{role}"
