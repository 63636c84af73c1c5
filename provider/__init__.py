"""
WAITS AND FETCHES: the `k3s` provider plugin.

Generates keys, authorities and tokens, waits for nodes, drains them, fetches the kubeconfig, issues
identities. It has no rule about clusters (those are in cluster/) and imports neither the program
nor pulumi_aws: the engine starts it alone on refresh and destroy.

Rooms, imports going downward: resources/; protocol/ (gRPC and Pulumi, no k3s), ssh/, kubernetes/;
keys/; and the modules beside them, used by all.
"""

from cluster.version import VERSION

__all__ = ["VERSION"]
