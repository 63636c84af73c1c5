"""Descriptions of security group rules: moto forgets those of rules that name another group."""

from __future__ import annotations

from typing import Any


def install() -> None:
    """Makes moto tell a rule's description whatever its source is, as EC2 does."""
    from moto.ec2.models.security_groups import SecurityGroupRule

    def description(rule: Any) -> str | None:
        found = rule.ip_range.get("Description") or rule.source_group.get("Description")
        return str(found) if found else None

    SecurityGroupRule.description = property(description)
