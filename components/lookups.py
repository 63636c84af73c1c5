"""What the program asks AWS before it creates anything: architectures, images, where it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pulumi
import pulumi_aws as aws

from cluster import architectures
from cluster.model import Cluster

T = TypeVar("T")


class LookupFailed(Exception):  # noqa: N818 - reads as the fact it states
    """AWS refused a look-up or could not be asked; the text is the whole message."""


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

    Raises ConfigError with every type that is not offered or that no pinned k3s fits, LookupFailed
    when AWS does not say.
    """
    return architectures.resolve(
        cluster, {name: _supported_architectures(name) for name in cluster.instance_types}
    )


def look_up(cluster: Cluster) -> Facts:
    """
    Ask AWS where the program runs and which images it starts machines from.

    Raises LookupFailed.
    """
    zones = _asked("its zones", lambda: aws.get_availability_zones(state="available"))
    wanted = sorted({node.architecture for node in cluster.nodes})
    return Facts(
        region=_asked("its region", aws.get_region).region,
        account_id=_asked("the account", aws.get_caller_identity).account_id,
        partition=_asked("its partition", aws.get_partition).partition,
        availability_zone=min(zones.names),
        image_ids={
            architecture: _image_id(cluster.image.parameters[architecture])
            for architecture in wanted
        },
    )


def _image_id(parameter: str) -> str:
    found = _asked(f"the image {parameter}", lambda: aws.ssm.get_parameter(name=parameter))
    return found.value


def _supported_architectures(instance_type: str) -> Sequence[str]:
    try:
        found = _asked(
            f"the instance type {instance_type}",
            lambda: aws.ec2.get_instance_type(instance_type=instance_type),
        )
    except LookupFailed as error:
        if "InvalidInstanceType" not in str(error):
            raise
        pulumi.log.debug(f"EC2 does not know {instance_type}: {error}")
        return []
    return found.supported_architectures


def _asked(what: str, look_up: Callable[[], T]) -> T:
    try:
        return look_up()
    except Exception as error:
        # The SDK raises exactly this for what the provider refuses; all else is a bug.
        if type(error) is not Exception:
            raise
        raise LookupFailed(
            f"AWS was asked for {what}: {error}\n"
            "    check aws:region, the credentials and the connection: aws sts get-caller-identity"
        ) from None
