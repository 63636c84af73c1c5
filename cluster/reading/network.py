"""Reads `cluster.network`: ranges, zones or subnets, and who may reach the machines."""

from __future__ import annotations

from cluster import network
from cluster.reading import checks
from cluster.reading.findings import Section, shown
from cluster.spec import CALLER, K3s, NetworkSpec

_SUBNET_ID = r"subnet-[0-9a-f]{8,17}"
_OPEN = "0.0.0.0/0"


def read(section: Section, k3s: K3s | None) -> NetworkSpec | None:
    """The network, or None when something in it is wrong."""
    allowed = {key: _allowed(section, key) for key in ("apiAllowedCidrs", "sshAllowedCidrs")}
    # EC2 allows VPCs from /16 to /28; Kubernetes allows at most 20 bits of services.
    vpc = checks.address_range(section, "vpcCidr", widest=16, narrowest=28)
    pods = checks.address_range(section, "clusterCidr", widest=8, narrowest=network.NODE_PREFIX)
    services = checks.address_range(section, "serviceCidr", widest=12, narrowest=24)
    zones = checks.each_once(section, "availabilityZones", r"[a-z0-9-]+", "a zone's name")
    subnets = checks.each_once(section, "subnetIds", _SUBNET_ID, "a subnet's id")
    public = section.flag("publicAddresses")
    caller_url = checks.base_url(section, "callerAddressUrl")
    named = [
        checks.NamedRange("clusterCidr", "pods'", pods),
        checks.NamedRange("serviceCidr", "services'", services),
    ]
    if not subnets:
        named.insert(0, checks.NamedRange("vpcCidr", "VPC's", vpc))
    checks.overlaps(section, named)
    _check_place(section, subnets, public)
    if vpc and zones and len(zones) > network.most_subnets(vpc):
        section.report(
            "availabilityZones",
            f"{vpc} has room for {network.most_subnets(vpc)} subnets, and {len(zones)} are "
            "asked for",
            "choose a wider vpcCidr, or fewer zones",
        )
    if k3s and k3s.flannel_backend == "host-gw" and max(len(zones), len(subnets)) > 1:
        section.report(
            "subnetIds" if subnets else "availabilityZones",
            "flannelBackend host-gw sends pods' packets to the next machine of the same subnet, "
            "and there are several",
            "choose one subnet, or another cluster.k3s.flannelBackend",
        )
    if vpc is None or pods is None or services is None or public is None or caller_url is None:
        return None
    return NetworkSpec(
        vpc_cidr=vpc,
        availability_zones=zones,
        subnet_ids=subnets,
        public_addresses=public,
        cluster_cidr=pods,
        service_cidr=services,
        api_allowed_cidrs=allowed["apiAllowedCidrs"],
        ssh_allowed_cidrs=allowed["sshAllowedCidrs"],
        caller_address_url=caller_url,
    )


def _check_place(section: Section, subnets: tuple[str, ...], public: bool | None) -> None:
    if subnets:
        for key in ("vpcCidr", "availabilityZones"):
            if key in section:
                section.report(
                    key,
                    "describes a VPC of the program's own, and subnetIds name one that exists",
                    "remove one of them",
                )
    elif public is False:
        section.report(
            "publicAddresses",
            "nobody outside a VPC of the program's own could reach machines without a public "
            "address, the program neither",
            "set subnetIds of a VPC you reach (VPN, peering, a runner in it), or remove it",
        )


def _allowed(section: Section, key: str) -> tuple[str, ...]:
    """An allow-list; open to everybody only when 0.0.0.0/0 is spelled out."""
    accepted: list[str] = []
    for path, text in section.texts(key):
        fault = None if text == CALLER else checks.cidr_fault(text)
        if fault is None and text in accepted:
            fault = (f"{text} is listed twice", "remove one of them")
        if fault is None:
            accepted.append(text)
        else:
            section.findings.add(path, *fault)
        if text == _OPEN:
            section.findings.warn(
                path,
                f"{shown(_OPEN)} lets everybody on the internet connect",
                'name your own ranges, or "caller"',
            )
    return tuple(accepted)
