"""
The proxy of the machines, as the variables that k3s, containerd and the boot program read.

Go's programs take ranges in no_proxy, Python's only names and addresses; so addresses that the boot
program connects to are there one by one. Both read the names in lower case.
https://docs.k3s.io/advanced#configuring-an-http-proxy
"""

from __future__ import annotations

from collections.abc import Sequence

from cluster.model import Cluster

# Each machine itself, and the metadata service.
_OWN = ("localhost", "127.0.0.1", "127.0.0.0/8", "169.254.169.254", "169.254.0.0/16")
_SERVICES = ".svc"
_DOMAIN = "cluster.local"


def variables(cluster: Cluster, server_private_ips: Sequence[str]) -> dict[str, str]:
    """The variables by name; none where the machines have no proxy."""
    proxy = cluster.proxy
    if proxy is None:
        return {}
    ranges = (*cluster.vpc_ranges, cluster.network.cluster_cidr, cluster.network.service_cidr)
    domain = {**cluster.k3s.server, **cluster.servers.k3s}.get("cluster-domain", _DOMAIN)
    direct = (
        *_OWN,
        *server_private_ips,
        *map(str, ranges),
        _SERVICES,
        f".{domain}",
        *proxy.no_proxy,
    )
    # Without one for http, an own one of the machine's environment must not count.
    return {
        "http_proxy": proxy.http_proxy or "",
        "https_proxy": proxy.https_proxy or "",
        "no_proxy": ",".join(dict.fromkeys(direct)),
    }
