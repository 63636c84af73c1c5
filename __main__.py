"""The program: read the configuration, build the model, create the cluster, export its outputs."""

from __future__ import annotations

import pulumi

from cluster import config, user_data
from cluster.errors import ConfigError
from components import lookups
from components.k3s_cluster import K3sCluster, K3sClusterArgs

try:
    cluster = lookups.resolve(
        config.load(pulumi.Config().get_object("cluster"), stack=pulumi.get_stack())
    )
    facts = lookups.look_up(cluster)
except (ConfigError, lookups.LookupFailed) as error:
    raise pulumi.RunError(str(error)) from None

for warning in cluster.warnings:
    pulumi.log.warn(str(warning))

k3s = K3sCluster(
    cluster.name,
    K3sClusterArgs(
        cluster=cluster,
        facts=facts,
        boot_program=user_data.BOOT_PROGRAM.read_text(),
    ),
)

pulumi.export("apiEndpoint", k3s.api_endpoint)
pulumi.export("nodes", k3s.nodes)
pulumi.export("bootReport", k3s.boot_report)
pulumi.export("kubeconfig", k3s.kubeconfig)
