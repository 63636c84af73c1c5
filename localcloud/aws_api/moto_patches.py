"""What moto describes otherwise than EC2: rules that name a group, and where an instance stands."""

from __future__ import annotations

from typing import Any


def install() -> None:
    """Makes moto describe both as EC2 does."""
    from moto.ec2.models.instances import Instance
    from moto.ec2.models.security_groups import SecurityGroupRule

    SecurityGroupRule.description = property(_description)
    Instance.placement = property(_placement)
    Instance.availability_zone = property(lambda instance: _placement(instance).zone)


def _description(rule: Any) -> str | None:
    """A rule's description, whatever its source is."""
    found = rule.ip_range.get("Description") or rule.source_group.get("Description")
    return str(found) if found else None


def _placement(instance: Any) -> Any:
    """The zone is that of the subnet its interface is in; moto uses only a subnet that is given."""
    placement = instance._placement
    # While moto makes the instance, it has no interfaces yet.
    for interface in getattr(instance, "nics", {}).values():
        placement.zone = interface.subnet.availability_zone
    return placement
