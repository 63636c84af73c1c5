"""The SSM parameters a cluster's secrets travel in: their names, and which role reads which."""

from __future__ import annotations

from collections.abc import Mapping

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

# The machine's own address, as IAM knows it of the instance the credentials were given to:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
_OWN_ADDRESS = "${aws:EC2InstanceSourcePrivateIPv4}"


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
    Every parameter a machine of the role may read: what it shares, a server the record of the
    datastore, and its own host key alone.

    The host key's name ends in the machine's address, so one line with a policy variable says
    "its own" for all of them; naming each would outgrow IAM's 10,240 characters.
    """
    names = shared(cluster, role, registries=registries)
    record = (datastore(cluster),) if role == "server" else ()
    return (*names.values(), *record, host_key(cluster, role, _OWN_ADDRESS))


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
