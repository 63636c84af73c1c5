"""
The proxy of the machines, as the variables that k3s, containerd and the boot program read.

Go's programs take ranges in NO_PROXY, Python's only names and addresses; so addresses that the boot
program connects to are there one by one.
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
    urls = {"HTTP_PROXY": proxy.http_proxy, "HTTPS_PROXY": proxy.https_proxy}
    given = {name: url for name, url in urls.items() if url}
    return {**given, "NO_PROXY": ",".join(dict.fromkeys(direct))}
