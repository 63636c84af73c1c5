"""
WAITS AND FETCHES: the `k3s` provider plugin.

Makes keys, authority and tokens, waits for nodes, drains them, fetches the kubeconfig, gives
identities their rights. It has no rule about clusters (that is cluster/), and knows neither the
program nor pulumi_aws: the engine starts it alone on refresh and destroy.
"""

from cluster.version import VERSION

__all__ = ["VERSION"]
