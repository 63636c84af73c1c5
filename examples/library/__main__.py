"""A cluster as one resource among others: a provider of your own, a cluster, its outputs."""

import pulumi
import pulumi_aws as aws

from k3s_aws import K3sCluster, K3sClusterArgs

config = pulumi.Config()
allowed = config.require_object("allowedCidrs")
network = {"apiAllowedCidrs": allowed, "sshAllowedCidrs": allowed}
machine = {"instanceType": config.get("instanceType") or "t4g.small"}


def cluster(name: str, cidr: str, opts: pulumi.ResourceOptions | None = None) -> K3sCluster:
    """One server, in a network of its own."""
    return K3sCluster(
        name,
        K3sClusterArgs(
            cluster={
                "servers": machine,
                "k3s": config.get_object("k3s") or {},
                "network": {**network, "vpcCidr": cidr},
            }
        ),
        opts,
    )


shop = cluster("shop", "10.67.0.0/16")
pulumi.export("apiEndpoint", shop.api_endpoint)
pulumi.export("kubeconfig", shop.kubeconfig)

if config.get_bool("second"):
    # Options reach every lookup and every resource of the cluster.
    given = aws.config
    elsewhere = aws.Provider("elsewhere", region=config.require("secondRegion"))
    second = cluster("till", "10.68.0.0/16", pulumi.ResourceOptions(provider=elsewhere))
    pulumi.export("secondEndpoint", second.api_endpoint)
