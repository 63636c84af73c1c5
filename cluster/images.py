"""The machine images of the program: the parameters with their ids, and their login users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Image:
    """
    What machines are made from: an AMI of one's own, or the newest of an operating system.

    `parameters` are the public SSM parameters holding the ids for each architecture; `generation`
    asks for the newest image once more.
    """

    name: str
    login_user: str
    parameters: Mapping[str, str]
    ami: str | None = None
    generation: int = 1


# https://wiki.debian.org/Cloud/AmazonEC2Image/Bookworm
DEBIAN_12 = Image(
    name="debian-12",
    login_user="admin",
    parameters={
        "arm64": "/aws/service/debian/release/12/latest/arm64",
        "x86_64": "/aws/service/debian/release/12/latest/amd64",
    },
)

# https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/
_CANONICAL = "/aws/service/canonical/ubuntu/server/24.04/stable/current"
UBUNTU_24_04 = Image(
    name="ubuntu-24.04",
    login_user="ubuntu",
    parameters={
        "arm64": f"{_CANONICAL}/arm64/hvm/ebs-gp3/ami-id",
        "x86_64": f"{_CANONICAL}/amd64/hvm/ebs-gp3/ami-id",
    },
)

# https://docs.aws.amazon.com/linux/al2023/ug/ec2.html
# Not `kernel-default`: a newer kernel has no legacy ip_tables, which k3s's load balancer picks.
# https://github.com/k3s-io/klipper-lb/issues/80
_AMAZON = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1"
AMAZON_LINUX_2023 = Image(
    name="amazon-linux-2023",
    login_user="ec2-user",
    parameters={"arm64": f"{_AMAZON}-arm64", "x86_64": f"{_AMAZON}-x86_64"},
)

KNOWN: Mapping[str, Image] = {
    image.name: image for image in (DEBIAN_12, UBUNTU_24_04, AMAZON_LINUX_2023)
}
