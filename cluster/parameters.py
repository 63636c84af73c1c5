"""The SSM parameters a cluster's secrets travel in: their names, and which role reads which."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cluster.spec import ClusterSpec, Role

SHARED: Mapping[Role, Mapping[str, str]] = {
    "server": {
        "token": "token",
        "agentToken": "agent-token",
        "authority": "certificate-authority",
        "authorizedKeys": "authorized-keys",
    },
    "agent": {"token": "token", "authorizedKeys": "authorized-keys"},
}
"""What all machines of a role share: keys of the node configuration, and the ends of the names."""

REGISTRY_AUTH = "registryAuth"


def registry_auth_value(auth: Mapping[str, Any]) -> str:
    """
    The passwords of image registries as the value of a parameter: JSON without double brackets.

    "You can't include values wrapped in double brackets":
    https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
    """
    # Two in a row stand in strings only, where JSON has another way to write one.
    return json.dumps(dict(auth)).replace("{{", "{\\u007b")


def shared(cluster: ClusterSpec, role: Role, *, registries: bool = False) -> dict[str, str]:
    """
    The names of the parameters all machines of the role share, by their keys.

    `registries`: whether there are passwords of image registries.
    """
    known = dict(SHARED[role])
    if registries:
        known[REGISTRY_AUTH] = "registry-auth"
    return {key: f"{_home(cluster, role)}/{last}" for key, last in known.items()}


def host_key(cluster: ClusterSpec, role: Role, private_ip: str) -> str:
    """The parameter with the SSH host key of the machine at this address."""
    return f"{_home(cluster, role)}/host-keys/{private_ip}"


def datastore(cluster: ClusterSpec) -> str:
    """The parameter that records where the data of the cluster is; no secret."""
    return f"{_home(cluster, 'server')}/datastore"


def readable_by(cluster: ClusterSpec, role: Role, *, registries: bool = False) -> tuple[str, ...]:
    """
    Every parameter that all machines of the role may read: what they share, and on servers the
    record of the datastore. Each reads its own host key besides (`host_key`).
    """
    names = shared(cluster, role, registries=registries)
    record = (datastore(cluster),) if role == "server" else ()
    return (*names.values(), *record)


def everything(cluster: ClusterSpec) -> str:
    """All parameters of the cluster, as a pattern."""
    return f"{_base(cluster)}/*"


def arn(name: str, *, partition: str, region: str, account_id: str) -> str:
    """The ARN of a parameter whose name begins with a slash."""
    return f"arn:{partition}:ssm:{region}:{account_id}:parameter{name}"


def _home(cluster: ClusterSpec, role: Role) -> str:
    return f"{_base(cluster)}/{role}"


def _base(cluster: ClusterSpec) -> str:
    # A level for each: with one for both, two clusters could have the same names.
    return f"/k3s-aws/{cluster.stack}/{cluster.name}"
