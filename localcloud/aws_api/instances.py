"""An EC2 instance and its role, as plain values."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Role:
    """An instance profile with its role and the statements of the role's policies."""

    name: str
    arn: str
    profile_arn: str
    profile_id: str
    statements: tuple[dict[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class Ec2Instance:
    """One instance as the API describes it."""

    instance_id: str
    state: str
    image_id: str
    instance_type: str
    architecture: str
    zone: str
    private_ip: str
    mac: str
    interface_id: str
    hostname: str
    subnet_id: str
    subnet_cidr: str
    vpc_id: str
    vpc_cidr: str
    security_groups: tuple[tuple[str, str], ...]
    public_ip: str | None
    root_device: str
    login_key: tuple[str, str] | None  # name and public key
    profile: str | None
    user_data: str | None
    tokens_required: bool
    hop_limit: int
    endpoint_enabled: bool
    spot: bool
    interruption: datetime.datetime | None
    """When EC2 takes a spot instance, once that is announced."""
