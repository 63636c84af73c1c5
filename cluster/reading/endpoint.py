"""Reads `cluster.endpoint`: where clients connect to the Kubernetes API."""

from __future__ import annotations

from cluster import expiry
from cluster.errors import Kind
from cluster.reading.section import Section
from cluster.spec import ClusterSpec, EndpointSpec, EndpointType, NetworkSpec


def read(section: Section, ranges: NetworkSpec, servers: int) -> EndpointSpec:
    """The endpoint of so many servers in this network."""
    kind: EndpointType = section["type"] or _default(servers)
    internal = section["internal"]
    if internal is None:
        internal = not ranges.public_addresses
    if section.valid("type"):
        _check_name(section, kind)
        _warn_of_one_address(section, kind, servers)
    if "internal" in section and section.valid("internal"):
        _check_place(section, ranges, kind)
    return EndpointSpec(
        type=kind,
        internal=internal,
        hostname=section["hostname"],
        zone_id=section["route53ZoneId"],
    )


def check_record(section: Section, spec: ClusterSpec) -> None:
    """With a ttl, the zone and the name are the value of a tag of each server."""
    wanted = spec.endpoint
    if spec.ttl_seconds is None or not wanted.zone_id or not wanted.hostname:
        return
    over = len(expiry.record_value(wanted.zone_id, wanted.hostname)) - expiry.MOST_RECORD_CHARACTERS
    if over > 0:
        room = len(wanted.hostname) - over
        what = f"has {len(wanted.hostname)} characters, and with cluster.ttl {room} are allowed"
        fix = "choose a shorter name: the zone and the name are the value of a tag of the servers"
        section.report("hostname", what, fix, Kind.LIMIT)


def _default(servers: int) -> EndpointType:
    return "loadBalancer" if servers > 1 else "serverAddress"


def _check_name(section: Section, kind: str) -> None:
    if kind != "dnsName":
        for key in section.given("hostname", "route53ZoneId"):
            what = f"is a key of the type dnsName, and the type is {kind}"
            section.report(key, what, "set type: dnsName, or remove it", Kind.CONFLICT)
    elif "hostname" not in section:
        what, fix = "is missing: the type dnsName needs one", 'write a name of yours, such as "{}"'
        section.report("hostname", what, fix.format("k3s.example.com"), Kind.REQUIRED)


def _check_place(section: Section, ranges: NetworkSpec, kind: str) -> None:
    if section["internal"] and not ranges.subnet_ids:
        section.report(
            "internal",
            "nothing outside reaches private addresses in a VPC of the program's own",
            "set network.subnetIds of a VPC you reach (VPN, peering, a runner in it), or remove it",
            Kind.CONFLICT,
        )
    elif not section["internal"] and not ranges.public_addresses:
        what = "the servers have no public addresses"
        if kind == "loadBalancer":
            what = "a public load balancer needs public subnets, and it is in those of the servers"
        fix = "set network.publicAddresses: true, or remove it"
        section.report("internal", what, fix, Kind.CONFLICT)


def _warn_of_one_address(section: Section, kind: str, servers: int) -> None:
    if kind == "serverAddress" and servers > 1:
        what = "is the address of one server: without that one, clients reach none of the others"
        section.warn("type", what, "use loadBalancer or dnsName")
