"""What EC2 answers about instance types, as far as the tests ask."""

from __future__ import annotations

SUPPORTED_ARCHITECTURES = {
    "t3.small": ["x86_64"],
    "c7i.large": ["x86_64"],
    "t1.micro": ["i386", "x86_64"],
    "t4g.small": ["arm64"],
    "t4g.medium": ["arm64"],
    "m7g.large": ["arm64"],
    "mac1.metal": ["x86_64_mac"],
    # A type the region does not have.
    "t9z.small": [],
}
