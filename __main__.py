"""The program: read the configuration, build the model, create the cluster, export its outputs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pulumi

from cluster import stack_config
from cluster.errors import ClusterError
from components import engine, last_update, lookups, preparation, project_files, stack_outputs
from components.k3s_cluster import K3sCluster
from cost import estimate, prices, summary

engine.require_version()
given = pulumi.Config()
releases = Path(".local/k3s-releases")


def stack_value(key: str) -> stack_config.StackValue:
    """A value of the stack's configuration; Pulumi's own get_object ignores secret marks."""
    is_secret = pulumi.runtime.config.is_config_secret(given.full_key(key))
    return stack_config.StackValue(text=given.get(key), is_secret=is_secret)


try:
    configured = stack_config.read(
        {key: stack_value(key) for key in stack_config.KEYS},
        stack=pulumi.get_stack(),
        read_file=project_files.reader(Path.cwd()),
    )
    args = preparation.prepare(
        configured, last_update.read_outputs(), releases=releases, now=datetime.now(UTC)
    )
except (ClusterError, lookups.LookupFailed) as error:
    raise pulumi.RunError(str(error)) from None

cluster = args.cluster
k3s = K3sCluster(cluster.name, args)

cost = estimate.of(cluster, prices.load(cluster.region))
stack_outputs.export(stack_outputs.of(cluster, k3s, cost))
# The engine prints it once, in the diagnostics below the resources.
pulumi.log.info(summary.line(cost))
