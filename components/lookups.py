"""What the program asks AWS before it creates anything: architectures, images, where it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from cluster import architectures
from cluster.model import Cluster


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The account's coordinates, and the image id for each architecture in use."""

    region: str
    account_id: str
    partition: str
    availability_zone: str
    image_ids: Mapping[str, str]


def resolve(cluster: Cluster) -> Cluster:
    """
    The cluster with the architecture EC2 gives for each of its instance types.

    Raises ConfigError with every type that is not offered or that no pinned k3s fits.
    """
    return architectures.resolve(
        cluster, {name: _supported_architectures(name) for name in cluster.instance_types}
    )


def look_up(cluster: Cluster) -> Facts:
    """Ask AWS where the program runs and which images it starts machines from."""
    zones = aws.get_availability_zones(state="available")
    wanted = sorted({node.architecture for node in cluster.nodes})
    return Facts(
        region=aws.get_region().region,
        account_id=aws.get_caller_identity().account_id,
        partition=aws.get_partition().partition,
        availability_zone=min(zones.names),
        image_ids={
            architecture: aws.ssm.get_parameter(name=cluster.image.parameters[architecture]).value
            for architecture in wanted
        },
    )


def _supported_architectures(instance_type: str) -> Sequence[str]:
    try:
        return aws.ec2.get_instance_type(instance_type=instance_type).supported_architectures
    except Exception as error:  # the SDK raises nothing narrower for a refused look-up
        if "InvalidInstanceType" not in str(error):
            raise
        pulumi.log.debug(f"EC2 does not know {instance_type}: {error}")
        return []
