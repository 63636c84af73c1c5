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
_UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current"
_AL2023 = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default"


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


IMAGES = (
    PublicImage(
        ami="ami-0debian1200x8664a",
        name="debian-12-amd64-20261027-2281",
        owner=DEBIAN,
        architecture="x86_64",
        parameter="/aws/service/debian/release/12/latest/amd64",
        root_device="/dev/xvda",
        login_user="admin",
    ),
    PublicImage(
        ami="ami-0debian1200arm64a",
        name="debian-12-arm64-20261027-2281",
        owner=DEBIAN,
        architecture="arm64",
        parameter="/aws/service/debian/release/12/latest/arm64",
        root_device="/dev/xvda",
        login_user="admin",
    ),
    PublicImage(
        ami="ami-0ubuntu2404x8664a",
        name="ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20261101",
        owner=CANONICAL,
        architecture="x86_64",
        parameter=f"{_UBUNTU}/amd64/hvm/ebs-gp3/ami-id",
        root_device="/dev/sda1",
        login_user="ubuntu",
    ),
    PublicImage(
        ami="ami-0ubuntu2404arm64a",
        name="ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server-20261101",
        owner=CANONICAL,
        architecture="arm64",
        parameter=f"{_UBUNTU}/arm64/hvm/ebs-gp3/ami-id",
        root_device="/dev/sda1",
        login_user="ubuntu",
    ),
    PublicImage(
        ami="ami-0amazon2023x8664a",
        name="al2023-ami-2023.9.20261103.0-kernel-6.1-x86_64",
        owner=AMAZON,
        architecture="x86_64",
        parameter=f"{_AL2023}-x86_64",
        root_device="/dev/xvda",
        login_user="ec2-user",
    ),
    PublicImage(
        ami="ami-0amazon2023arm64a",
        name="al2023-ami-2023.9.20261103.0-kernel-6.1-arm64",
        owner=AMAZON,
        architecture="arm64",
        parameter=f"{_AL2023}-arm64",
        root_device="/dev/xvda",
        login_user="ec2-user",
    ),
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
