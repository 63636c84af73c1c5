"""The program: read the configuration, build the model, create the cluster, export its outputs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pulumi

from cluster import (
    boot_program,
    comparison,
    expiry,
    node_config,
    record,
    record_json,
    restore,
    stack_config,
    user_data,
)
from cluster.errors import ClusterError
from components import (
    engine,
    last_update,
    lookups,
    project_files,
    release_files,
    rollout,
    snapshots,
)
from components.k3s_cluster import K3sCluster, K3sClusterArgs

engine.require_version(Path("Pulumi.yaml"))
given = pulumi.Config()
program = boot_program.modules()


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
    cluster = lookups.resolve(configured.spec)
    ends = expiry.LONGEST if cluster.ttl_seconds else None
    user_data.require_room(node_config.longest(cluster), program, ends)
    outputs = last_update.read_outputs()
    expiry.require_not_expired(outputs, datetime.now(UTC))
    cluster = restore.since(cluster, outputs)
    consequences = comparison.compare(outputs, cluster)
    restored = snapshots.credentials(cluster) if restore.is_due(cluster, outputs) else None
    files = release_files.provide(cluster) if cluster.k3s.from_bucket else {}
except (ClusterError, lookups.LookupFailed) as error:
    raise pulumi.RunError(str(error)) from None

for warning in (*cluster.warnings, *consequences):
    pulumi.log.warn(str(warning))

k3s = K3sCluster(
    cluster.name,
    K3sClusterArgs(
        cluster=cluster,
        boot_program=program,
        k3s_files=files,
        registry_auth=configured.registry_auth,
        login_key=configured.login_key,
        restored=restored,
        existing_machines=rollout.existing_machines(outputs),
        datastore_on_root_volume=not cluster.allow_data_loss
        and comparison.datastore_is_on_root_volume(outputs),
    ),
)

pulumi.export("apiEndpoint", k3s.api_endpoint)
pulumi.export("nodes", k3s.nodes)
pulumi.export("bootReport", k3s.boot_report)
pulumi.export("bom", k3s.bom)
if k3s.expires_at is not None:
    pulumi.export(expiry.OUTPUT, k3s.expires_at)
if k3s.snapshots is not None:
    pulumi.export("snapshots", k3s.snapshots)
pulumi.export(record.OUTPUT, record_json.render(record.of(cluster)))
for name, kubeconfig in k3s.kubeconfigs.items():
    pulumi.export(f"kubeconfig-{name}", kubeconfig)
if k3s.kubeconfigs:
    pulumi.export("kubeconfig", next(iter(k3s.kubeconfigs.values())))
if k3s.admin_kubeconfig is not None:
    pulumi.export("adminKubeconfig", k3s.admin_kubeconfig)
