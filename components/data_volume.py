"""The EBS volume of a server with the datastore, which outlives the server's machines."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from cluster.model import Cluster, Node


def create(
    name: str,
    cluster: Cluster,
    node: Node,
    tags: Mapping[str, pulumi.Input[str]],
    opts: pulumi.ResourceOptions,
) -> aws.ebs.Volume:
    """
    A blank encrypted gp3 volume in the zone of the node; it can grow, never shrink.

    Another one takes its place only with another generation of the datastore, or in another zone.
    `tags` are such that no other cluster has them all: by them recovery finds a volume that an
    interrupted update left.
    """
    return aws.ebs.Volume(
        f"{name}-data",
        availability_zone=cluster.zone_of(node),
        size=node.pool.data_volume_gib,
        type="gp3",
        encrypted=True,
        tags={**tags, "Name": f"{name}-data"},
        opts=pulumi.ResourceOptions.merge(
            opts, pulumi.ResourceOptions(replacement_trigger=cluster.datastore_generation)
        ),
    )
