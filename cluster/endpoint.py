"""Where clients connect to the Kubernetes API: names and places, as data."""

from __future__ import annotations

import hashlib

from cluster.model import Cluster
from cluster.spec import ClusterSpec

# Of the name of a load balancer or target group, which is unique in an account and region:
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
NAME_LENGTH = 32

HEALTH_PATH = "/readyz"
HEALTHY_STATUSES = "200,401"
"""
What a server that serves the API returns to a health check, which has no credentials: k3s allows no
anonymous requests, and returns 503 until its API server has started.
"""
HEALTH_INTERVAL_SECONDS = 5
HEALTH_TIMEOUT_SECONDS = 4
HEALTH_THRESHOLD = 2
"""The shortest that AWS allows, in both directions."""

RECORD_TTL_SECONDS = 30
"""How long clients go on with the previous addresses of a DNS name."""


def load_balancer_name(cluster: ClusterSpec) -> str:
    """The name of the load balancer and its target group: `k3s-demo-1a2b3c`."""
    mark = hashlib.sha256(f"{cluster.stack}/{cluster.name}".encode()).hexdigest()[:6]
    room = NAME_LENGTH - len(f"k3s--{mark}")
    return f"k3s-{cluster.name[:room].strip('-')}-{mark}"


def load_balancer_subnets(cluster: Cluster) -> tuple[int, ...]:
    """The indices of the servers' subnets; of each zone the first, as AWS allows one in a zone."""
    zones: dict[str, int] = {}
    for node in cluster.nodes_of(cluster.servers):
        zones.setdefault(cluster.subnets[node.subnet].zone, node.subnet)
    return tuple(zones.values())


def certificate_names(cluster: Cluster, host: str) -> tuple[str, ...]:
    """
    The endpoint's host, where the servers' certificates need it besides their own addresses.

    One server has its own addresses in its certificates already.
    """
    own = cluster.endpoint.type == "serverAddress" and not cluster.has_etcd
    return () if own else (host,)
