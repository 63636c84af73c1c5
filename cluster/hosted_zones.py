"""The name of the API endpoint, compared with the hosted zone in which its record is."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.aws_facts import AwsFacts
from cluster.errors import Kind, Problem
from cluster.spec import EndpointSpec

_ZONE, _HOSTNAME = "cluster.endpoint.route53ZoneId", "cluster.endpoint.hostname"


def problems(endpoint: EndpointSpec, facts: AwsFacts) -> Iterator[Problem]:
    """
    A zone that the account has not, or that the name is not in.

    The record would be for another name: the provider appends the zone's.
    https://github.com/hashicorp/terraform-provider-aws/blob/v6.0.0/internal/service/route53/record.go
    """
    zone_id, name = endpoint.zone_id, (endpoint.hostname or "").lower()
    if zone_id is None:
        return
    zone = facts.hosted_zones[zone_id]
    if zone is None:
        what = f'this account has no hosted zone "{zone_id}"'
        yield Problem(_ZONE, what, "see: aws route53 list-hosted-zones", Kind.UNAVAILABLE)
    elif name != zone.name and not name.endswith(f".{zone.name}"):
        what = f'"{endpoint.hostname}" is not in {zone.name}, the hosted zone of route53ZoneId'
        fix = f'write a name such as "k3s.{zone.name}", or the zone of this name'
        yield Problem(_HOSTNAME, what, fix, Kind.CONFLICT)


def warnings(endpoint: EndpointSpec, facts: AwsFacts) -> Iterator[Problem]:
    """Public addresses in a zone that VPCs alone resolve."""
    zone = facts.hosted_zones.get(endpoint.zone_id or "")
    if zone and zone.private and not endpoint.internal:
        what = f"{zone.name} is a private zone: only its VPCs resolve the name, and this run has to"
        fix = "choose a public zone, or run the program in a VPC of the zone"
        yield Problem(_ZONE, what, fix, Kind.WARNING)
