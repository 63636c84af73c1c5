"""From the description of a cluster to the arguments of its component, before anything exists."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pulumi

from cluster import boot_program, comparison, expiry, node_config, restore, user_data
from cluster.model import Cluster
from cluster.stack_config import StackConfig
from components import lookups, release_files, rollout, snapshots
from components.k3s_cluster import K3sClusterArgs


def prepare(
    configured: StackConfig,
    outputs: Mapping[str, Any],
    *,
    releases: Path,
    now: datetime,
    via: pulumi.InvokeOptions | None = None,
) -> K3sClusterArgs:
    """
    Asks AWS, compares with the outputs of the last update, and shows every warning.

    `releases` is the folder for downloads of k3s, `now` the time now, `via` has the provider of the
    lookups. Raises ClusterError or LookupFailed with everything that cannot be.
    """
    program = boot_program.modules()
    with configured.merged.named():
        cluster = lookups.resolve(configured.spec, via)
    ends = expiry.LONGEST if cluster.ttl_seconds else None
    user_data.require_room(node_config.longest(cluster), program, ends)
    cluster = restore.since(cluster, outputs)
    consequences = comparison.compare(outputs, cluster)
    due = restore.is_due(cluster, outputs)
    restored = snapshots.credentials(cluster, via) if due else None
    files = release_files.provide(cluster, releases) if cluster.k3s.from_bucket else {}
    expired = expiry.warnings(cluster.ttl_seconds, outputs, now)
    for warning in (*cluster.warnings, *expired, *consequences):
        pulumi.log.warn(str(warning))
    return K3sClusterArgs(
        cluster=cluster,
        boot_program=program,
        k3s_files=files,
        registry_auth=configured.registry_auth,
        login_key=configured.login_key,
        restored=restored,
        existing_machines=rollout.existing_machines(outputs),
        datastore_on_root_volume=_is_on_root_volume(cluster, outputs),
        via=via,
    )


def _is_on_root_volume(cluster: Cluster, outputs: Mapping[str, Any]) -> bool:
    return not cluster.allow_data_loss and comparison.datastore_is_on_root_volume(outputs)
