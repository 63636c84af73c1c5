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
    stack_outputs,
)
from components.k3s_cluster import K3sCluster, K3sClusterArgs
from cost import estimate, prices, summary

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
    with configured.merged.named():
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

cost = estimate.of(cluster, prices.load(cluster.region))
stack_outputs.export(stack_outputs.of(cluster, k3s, cost))
# The engine prints it once, in the diagnostics below the resources.
pulumi.log.info(summary.line(cost))
