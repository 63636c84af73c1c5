"""The program: read the configuration, build the model, create the cluster, export its outputs."""

from __future__ import annotations

from pathlib import Path

import pulumi

from cluster import record, record_json, stack_config
from cluster.errors import ClusterError
from components import engine, last_update, lookups, preparation, project_files
from components.k3s_cluster import K3sCluster

engine.require_version()
given = pulumi.Config()
releases = Path(".local/k3s-releases")


def stack_value(key: str) -> stack_config.StackValue:
    """A value of the stack's configuration; Pulumi's own get_object ignores secret marks."""
    is_secret = pulumi.runtime.config.is_config_secret(f"k3s-aws:{key}")
    return stack_config.StackValue(text=given.get(key), is_secret=is_secret)


try:
    configured = stack_config.read(
        {key: stack_value(key) for key in stack_config.KEYS},
        stack=pulumi.get_stack(),
        read_file=project_files.reader(Path.cwd()),
    )
    args = preparation.prepare(configured, last_update.read_outputs(), releases=releases)
except (ClusterError, lookups.LookupFailed) as error:
    raise pulumi.RunError(str(error)) from None

cluster = args.cluster
k3s = K3sCluster(cluster.name, args)

pulumi.export("apiEndpoint", k3s.api_endpoint)
pulumi.export("nodes", k3s.nodes)
pulumi.export("bootReport", k3s.boot_report)
pulumi.export("bom", k3s.bom)
if k3s.snapshots is not None:
    pulumi.export("snapshots", k3s.snapshots)
pulumi.export(record.OUTPUT, record_json.render(record.of(cluster)))
for name, kubeconfig in k3s.kubeconfigs.items():
    pulumi.export(f"kubeconfig-{name}", kubeconfig)
if k3s.kubeconfigs:
    pulumi.export("kubeconfig", next(iter(k3s.kubeconfigs.values())))
if k3s.admin_kubeconfig is not None:
    pulumi.export("adminKubeconfig", k3s.admin_kubeconfig)
