"""
The images the local cloud offers, and the public SSM parameters that name them.

All of them boot one machine image, Debian 12 with the login user of the image it stands in for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEBIAN = "136693071363"
CANONICAL = "099720109477"
AMAZON = "137112412989"


@dataclass(frozen=True, kw_only=True)
class PublicImage:
    """An image as its publisher offers it; every one boots the same machine image here."""

    ami: str
    name: str
    owner: str
    architecture: str
    parameter: str
    root_device: str
    login_user: str


# Word in the id, owner, login user, root device and the publisher's word for x86_64; name and
# parameter with the architecture's word.
_PUBLISHED = (
    (
        ("debian1200", DEBIAN, "admin", "/dev/xvda", "amd64"),
        ("debian-12-{}-20261027-2281", "debian/release/12/latest/{}"),
    ),
    (
        ("ubuntu2404", CANONICAL, "ubuntu", "/dev/sda1", "amd64"),
        (
            "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-{}-server-20261101",
            "canonical/ubuntu/server/24.04/stable/current/{}/hvm/ebs-gp3/ami-id",
        ),
    ),
    (
        ("amazon2023", AMAZON, "ec2-user", "/dev/xvda", "x86_64"),
        (
            "al2023-ami-2023.9.20261103.0-kernel-6.1-{}",
            "ami-amazon-linux-latest/al2023-ami-kernel-6.1-{}",
        ),
    ),
)
IMAGES = tuple(
    PublicImage(
        ami=f"ami-0{system}{architecture.replace('_', '')}a",
        name=name.format(word),
        owner=owner,
        architecture=architecture,
        parameter=f"/aws/service/{parameter.format(word)}",
        root_device=root_device,
        login_user=user,
    )
    for (system, owner, user, root_device, x86), (name, parameter) in _PUBLISHED
    for architecture, word in (("x86_64", x86), ("arm64", "arm64"))
)
LOGIN_USERS = {image.ami: image.login_user for image in IMAGES}


def write_amis(path: Path) -> None:
    """The file moto reads its images from (MOTO_AMIS_PATH)."""
    path.write_text(json.dumps([_ami(image) for image in IMAGES]))


def publish_parameters(ssm_backend: Any) -> None:
    """
    Puts the public parameters into moto's backend of one region.

    Through the API this is refused, as it is on AWS: names below /aws belong to AWS.
    """
    from moto.ssm.models import Parameter

    for image in IMAGES:
        ssm_backend._parameters[image.parameter].append(
            Parameter(
                account_id=ssm_backend.account_id,
                name=image.parameter,
                value=image.ami,
                parameter_type="String",
                description=image.name,
                allowed_pattern=None,
                keyid=None,
                last_modified_date=0,
                version=1,
                data_type="aws:ec2:image",
            )
        )


def _ami(image: PublicImage) -> dict[str, Any]:
    return {
        "ami_id": image.ami,
        "name": image.name,
        "description": image.name,
        "owner_id": image.owner,
        "public": True,
        "virtualization_type": "hvm",
        "architecture": image.architecture,
        "state": "available",
        "platform": None,
        "image_type": "machine",
        "image_location": f"{image.owner}/{image.name}",
        "hypervisor": "xen",
        "root_device_name": image.root_device,
        "root_device_type": "ebs",
        "sriov": "simple",
    }
