"""What moto keeps or describes otherwise than AWS does."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from localcloud.aws_api import (
    load_balancing,
    object_checksums,
    parameter_store,
    quotas,
    shutdown_behavior,
    volumes,
)


def install() -> None:
    """Makes moto do as AWS does."""
    from moto.ec2.models.instances import Instance
    from moto.ec2.models.security_groups import SecurityGroupRule
    from moto.route53.models import HostedZoneIdentifier

    parameter_store.install()
    quotas.install()
    load_balancing.install()
    volumes.install()
    object_checksums.install()
    shutdown_behavior.install()

    SecurityGroupRule.description = property(_description)
    HostedZoneIdentifier.generate = _zone_id(HostedZoneIdentifier.generate)
    Instance.placement = property(_placement)
    Instance.source_dest_check = property(_source_dest_check, _set_source_dest_check)
    Instance.availability_zone = property(lambda instance: _placement(instance).zone)


def _description(rule: Any) -> str | None:
    """A rule's description, whatever its source is."""
    found = rule.ip_range.get("Description") or rule.source_group.get("Description")
    return str(found) if found else None


def _zone_id(generate: Callable[..., str]) -> Callable[..., str]:
    """The id of a hosted zone begins with Z; moto's with any letter or digit."""
    return wraps(generate)(lambda *arguments, **keys: f"Z{generate(*arguments, **keys)[1:]}")


def _placement(instance: Any) -> Any:
    """The zone is that of the subnet its interface is in; moto uses only a subnet that is given."""
    placement = instance._placement
    # While moto makes the instance, it has no interfaces yet.
    for interface in getattr(instance, "nics", {}).values():
        placement.zone = interface.subnet.availability_zone
    return placement


def _source_dest_check(instance: Any) -> bool:
    """That of the primary interface: an instance has none of its own."""
    interface = _primary_interface(instance)
    return interface is None or bool(interface.source_dest_check)


def _set_source_dest_check(instance: Any, value: Any) -> None:
    if (interface := _primary_interface(instance)) is not None:
        interface.source_dest_check = str(value).lower() == "true"


def _primary_interface(instance: Any) -> Any | None:
    # While moto makes the instance, it has no interfaces yet.
    return getattr(instance, "nics", {}).get(0)
