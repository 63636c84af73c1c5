"""The machine images the program knows: where AWS publishes their ids, who logs in on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Image:
    """One operating system; `parameters` are the public SSM parameters holding its AMI ids."""

    name: str
    login_user: str
    parameters: Mapping[str, str]


# https://wiki.debian.org/Cloud/AmazonEC2Image/Bookworm
DEBIAN_12 = Image(
    name="debian-12",
    login_user="admin",
    parameters={
        "arm64": "/aws/service/debian/release/12/latest/arm64",
        "x86_64": "/aws/service/debian/release/12/latest/amd64",
    },
)
