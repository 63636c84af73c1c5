"""
The demo's stack configuration: all that makes the program run on the local cloud.

Nothing else does: the program has no branch for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localcloud.aws_api.server import CALLER_PATH
from toolchain.host import Architecture
from toolchain.k3s import THE_RELEASE, K3s

CLUSTER = "k3s-aws:cluster"
DOWNLOAD_URL = "https://artifacts.localcloud.internal/k3s"
INSTANCE_TYPES: Mapping[Architecture, str] = {"x86_64": "t3.small", "arm64": "t4g.small"}
SERVICES = ("ec2", "elbv2", "iam", "route53", "s3", "servicequotas", "ssm", "sts")
# Where the local cloud's outside is: the one machine it runs on.
THIS_MACHINE = "127.0.0.0/8"


def aws(running: Mapping[str, Any]) -> dict[str, Any]:
    """The provider's configuration for the local cloud."""
    # Booleans are strings, as Pulumi itself writes them when it saves the file.
    return {
        "aws:region": running["region"],
        "aws:accessKey": "test",
        "aws:secretKey": "test",
        "aws:endpoints": [dict.fromkeys(SERVICES, running["endpoint"])],
        "aws:s3UsePathStyle": "true",
        "aws:skipCredentialsValidation": "true",
        "aws:skipMetadataApiCheck": "true",
        "aws:skipRegionValidation": "true",
    }


def cluster(architecture: Architecture, root: Path) -> dict[str, Any]:
    """One server and two agents, in a network that follows from the checkout's path."""
    machine = INSTANCE_TYPES[architecture]
    return {
        "servers": {"count": 1, "instanceType": machine},
        "pools": [{"name": "agents", "count": 2, "instanceType": machine}],
        "network": {
            "vpcCidr": vpc_cidr(root),
            "apiAllowedCidrs": [THIS_MACHINE],
            "sshAllowedCidrs": [THIS_MACHINE],
        },
    }


def vpc_cidr(root: Path) -> str:
    """One of 64 ranges: the networks of two checkouts on one host should not be the same."""
    return f"10.{64 + hashlib.sha256(str(root).encode()).digest()[0] % 64}.0.0/16"


def merged(
    before: Mapping[str, Any],
    *,
    root: Path,
    architecture: Architecture,
    running: Mapping[str, Any],
    k3s: K3s,
) -> dict[str, Any]:
    """
    The content of a stack's file, given what it was and what the cloud's daemon announced.

    Endpoint, release and the address that returns the caller's follow the local cloud. The
    cluster, once written, is its owner's to change, and everything else in the file (the salt of
    the stack's secrets) stays.
    """
    endpoint, served = running["endpoint"], dict(running["k3sSha256"])
    config = dict(before.get("config") or {})
    owned = dict(config.get(CLUSTER) or cluster(architecture, root))
    owned["network"] = {**owned["network"], "callerAddressUrl": endpoint + CALLER_PATH}
    owned["k3s"] = {
        **(owned.get("k3s") or {}),
        "version": k3s.version,
        "downloadUrl": DOWNLOAD_URL,
        # The release is pinned for both; its file for the other architecture is not to be had.
        "sha256": {architecture: k3s.sha256} if k3s.kind == THE_RELEASE else served,
    }
    return {**before, "config": {**config, **aws(running), CLUSTER: owned}}
