"""
The configuration to the model: every problem at once, with its path and its fix.

Says which keys there are and what must hold between them; single values are checks.py's business.
What needs an answer of EC2, the architecture of an instance type, follows in architectures.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network

from cluster import checks, defaults, network, releases
from cluster.findings import Findings, Section, shown, spell, sure
from cluster.model import SERVERS, Architecture, Cluster, K3s, Network, NodePool

KEYS = (
    "name", "k3s", "servers", "pools", "network", "nodeDeadlineSeconds", "drainSeconds",
)  # fmt: skip
K3S_KEYS = ("version", "downloadUrl", "sha256")
SERVER_KEYS = ("count", "instanceType", "rootVolumeGib")
POOL_KEYS = ("name", *SERVER_KEYS)
NETWORK_KEYS = ("vpcCidr", "clusterCidr", "serviceCidr", "apiAllowedCidrs", "sshAllowedCidrs")

MAX_AGENTS_IN_POOL = 1000
SERVER_FAULTS = {
    0: "make no cluster",
    2: "cannot keep a majority when one is lost",
    3: "are not available yet",
    4: "keep their majority through the loss of one only, as 3 do",
    5: "are not available yet",
}
TOO_MANY = "are no size of a control plane"


def load(raw: object, *, stack: str) -> Cluster:
    """The cluster the configuration describes. Raises ConfigError with all its problems."""
    findings = Findings(raw)
    if raw is None:
        findings.add((), "is not set", f"copy a file of examples/ into Pulumi.{stack}.yaml")
        findings.raise_if_any()
    top = Section(raw, (), findings, KEYS)
    if not isinstance(raw, Mapping):
        findings.raise_if_any()
    name = checks.cluster_name(top, stack)
    k3s = _k3s(top.section("k3s", K3S_KEYS))
    servers = _servers(top.section("servers", SERVER_KEYS))
    pools = _pools(top)
    ranges = _network(top.section("network", NETWORK_KEYS), findings, [servers, *pools])
    deadline = top.number("nodeDeadlineSeconds", defaults.NODE_DEADLINE_SECONDS, 60, 3600)
    drain = top.number("drainSeconds", defaults.DRAIN_SECONDS, 0, 3600)
    findings.raise_if_any()
    return Cluster(
        name=sure(name),
        stack=stack,
        k3s=sure(k3s),
        image=defaults.IMAGE,
        servers=sure(servers),
        pools=tuple(map(sure, pools)),
        network=sure(ranges),
        node_deadline_seconds=sure(deadline),
        drain_seconds=sure(drain),
    )


def _k3s(section: Section) -> K3s | None:
    version = checks.k3s_version(section, defaults.K3S_VERSION)
    url = checks.base_url(section, "downloadUrl", defaults.K3S_DOWNLOAD_URL)
    given = _digests(section.section("sha256", tuple(releases.ASSETS)))
    if version is None or given is None:
        return None
    pinned = releases.PINNED.get(version, {})
    if not pinned and not given:
        section.report(
            "sha256",
            f"no SHA-256 is known for {version}",
            "set sha256.x86_64 and sha256.arm64 from sha256sum-amd64.txt and sha256sum-arm64.txt "
            f"of the release, or choose one of {', '.join(releases.PINNED)}",
        )
    for architecture, digest in given.items():
        if pinned.get(architecture, digest) != digest:
            section.section("sha256", tuple(releases.ASSETS)).report(
                architecture,
                f"{shown(digest)} is not the SHA-256 pinned for {version}",
                "remove it, or name the version after your own build",
            )
    if url is None:
        return None
    return K3s(version=version, download_url=url, sha256={**pinned, **given})


def _digests(section: Section) -> Mapping[Architecture, str] | None:
    found = {each: checks.sha256(section, each) for each in releases.ASSETS if each in section}
    if None in found.values():
        return None
    return {architecture: digest for architecture, digest in found.items() if digest}


def _servers(section: Section) -> NodePool | None:
    count = section.whole("count", defaults.SERVER_COUNT, "use 1")
    if count is not None and count != 1:
        section.report("count", f"{count} servers {SERVER_FAULTS.get(count, TOO_MANY)}", "use 1")
    return _pool(section, SERVERS, count)


def _pools(top: Section) -> list[NodePool | None]:
    taken = {SERVERS: "the servers' own pool"}
    pools = []
    for section in top.sections("pools", POOL_KEYS):
        name = checks.pool_name(section, taken)
        if name is not None:
            taken[name] = spell(section.path)
        count = section.number("count", defaults.AGENT_COUNT, 0, MAX_AGENTS_IN_POOL)
        pools.append(_pool(section, name, count))
    return pools


def _pool(section: Section, name: str | None, count: int | None) -> NodePool | None:
    instance_type = checks.instance_type(section, defaults.INSTANCE_TYPE)
    # Debian's image has 8 GiB; 16384 is EC2's limit for gp3.
    root_volume_gib = section.number("rootVolumeGib", defaults.ROOT_VOLUME_GIB, 8, 16384)
    if name is None or count is None or instance_type is None or root_volume_gib is None:
        return None
    return NodePool(
        name=name,
        role="server" if name == SERVERS else "agent",
        count=count,
        instance_type=instance_type,
        root_volume_gib=root_volume_gib,
        path=spell(section.path),
    )


def _network(section: Section, findings: Findings, pools: list[NodePool | None]) -> Network | None:
    api = checks.allowed_cidrs(section, "apiAllowedCidrs", findings)
    ssh = checks.allowed_cidrs(section, "sshAllowedCidrs", findings)
    # EC2 allows VPCs from /16 to /28; Kubernetes allows at most 20 bits of services.
    vpc = checks.address_range(section, "vpcCidr", defaults.VPC_CIDR, widest=16, narrowest=28)
    pods = checks.address_range(
        section, "clusterCidr", defaults.CLUSTER_CIDR, widest=8, narrowest=network.NODE_PREFIX
    )
    services = checks.address_range(
        section, "serviceCidr", defaults.SERVICE_CIDR, widest=12, narrowest=24
    )
    checks.overlaps(
        section,
        [
            checks.NamedRange("vpcCidr", "VPC's", vpc, defaults.VPC_CIDR),
            checks.NamedRange("clusterCidr", "pods'", pods, defaults.CLUSTER_CIDR),
            checks.NamedRange("serviceCidr", "services'", services, defaults.SERVICE_CIDR),
        ],
    )
    if vpc is None or pods is None or services is None:
        return None
    if None not in pools:
        _check_room(section, sum(sure(pool).count for pool in pools), vpc, pods)
    return Network(
        vpc_cidr=vpc,
        cluster_cidr=pods,
        service_cidr=services,
        api_allowed_cidrs=api,
        ssh_allowed_cidrs=ssh,
    )


def _check_room(section: Section, nodes: int, vpc: IPv4Network, pods: IPv4Network) -> None:
    if nodes > network.machines_in(vpc):
        section.report(
            "vpcCidr",
            f"the subnet in {vpc} has room for {network.machines_in(vpc)} machines, "
            f"and {nodes} are asked for",
            f"choose a wider range, such as {shown(defaults.VPC_CIDR)}, or fewer nodes",
        )
    if nodes > network.nodes_in(pods):
        section.report(
            "clusterCidr",
            f"{pods} has room for the pods of {network.nodes_in(pods)} nodes, "
            f"and {nodes} are asked for",
            'choose a wider range, such as "10.128.0.0/12", or fewer nodes',
        )
