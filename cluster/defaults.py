"""The value of every configuration key that may be left out; docs/configuration.md lists them."""

from __future__ import annotations

from cluster.images import DEBIAN_12
from cluster.releases import DEFAULT_VERSION, DOWNLOAD_URL

IMAGE = DEBIAN_12
K3S_VERSION = DEFAULT_VERSION
K3S_DOWNLOAD_URL = DOWNLOAD_URL
SERVER_COUNT = 1
AGENT_COUNT = 1
INSTANCE_TYPE = "t4g.small"
ROOT_VOLUME_GIB = 20
VPC_CIDR = "10.64.0.0/16"
# k3s's own.
CLUSTER_CIDR = "10.42.0.0/16"
SERVICE_CIDR = "10.43.0.0/16"
# Amazon's own; answers with the address that asked.
CALLER_ADDRESS_URL = "https://checkip.amazonaws.com"
NODE_DEADLINE_SECONDS = 600
DRAIN_SECONDS = 120
# What a pipeline needs to deploy into a new cluster, and no more.
IDENTITIES = ({"name": "deployer", "role": "deployer", "namespaces": ["default"]},)
IDENTITY_EXPIRY_DAYS = 90
