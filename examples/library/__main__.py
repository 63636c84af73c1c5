"""A k3s cluster as one resource of a Python program of your own."""

import pulumi

from k3s_aws import K3sCluster, K3sClusterArgs

config = pulumi.Config()
allowed = config.require_object("allowedCidrs")

books = K3sCluster(
    "books",
    K3sClusterArgs(
        cluster={
            "servers": {"instanceType": config.get("instanceType") or "t4g.small"},
            "identities": [{"name": "deployer", "role": "deployer", "namespaces": ["shop"]}],
            "k3s": config.get_object("k3s") or {},
            "network": {
                "vpcCidr": "10.67.0.0/16",
                "apiAllowedCidrs": allowed,
                "sshAllowedCidrs": allowed,
            },
        }
    ),
)

pulumi.export("apiEndpoint", books.api_endpoint)
pulumi.export("kubeconfig", books.kubeconfig)
pulumi.export("nodes", books.nodes)
