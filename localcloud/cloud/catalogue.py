"""The images the local cloud offers, and the public SSM parameters that name them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEBIAN = "136693071363"


@dataclass(frozen=True, kw_only=True)
class PublicImage:
    """An image as its publisher offers it; every one boots the same machine image here."""

    ami: str
    name: str
    owner: str
    architecture: str
    parameter: str
    root_device: str


IMAGES = (
    PublicImage(
        ami="ami-0debian1200x8664a",
        name="debian-12-amd64-20261027-2281",
        owner=DEBIAN,
        architecture="x86_64",
        parameter="/aws/service/debian/release/12/latest/amd64",
        root_device="/dev/xvda",
    ),
    PublicImage(
        ami="ami-0debian1200arm64a",
        name="debian-12-arm64-20261027-2281",
        owner=DEBIAN,
        architecture="arm64",
        parameter="/aws/service/debian/release/12/latest/arm64",
        root_device="/dev/xvda",
    ),
)


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
