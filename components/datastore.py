"""Datastore (k3s:aws:Datastore): the data of the cluster, and the record that it exists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import plugin

ETCD = "etcd"
"""What holds the data of several servers, in place of the id of a volume or an instance."""


@dataclass(frozen=True, kw_only=True)
class DatastoreArgs:
    """
    What holds the data (the id of a volume, or ETCD), the node of the server that created it, and
    the name of the SSM parameter that records it.
    """

    storage_id: pulumi.Input[str]
    first_server: plugin.Node
    record_name: str
    tags: Mapping[str, pulumi.Input[str]]


class Datastore(pulumi.ComponentResource):
    """
    The data of the cluster (k3s:aws:Datastore).

    Creates its identity, and once the first server is Ready the SSM parameter with the storage of
    the data: a server whose storage is empty creates a cluster only while the parameter does not
    say that there is one (docs/decisions/0019).
    """

    id: pulumi.Output[str]
    """Changes when the data is other data, and never with a machine alone."""

    def __init__(
        self, name: str, args: DatastoreArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("k3s:aws:Datastore", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.id = plugin.Datastore(name, {"storageId": args.storage_id}, child).id
        aws.ssm.Parameter(
            f"{name}-datastore",
            name=args.record_name,
            type="String",
            # No secret, unlike `value`, which is always one in state.
            insecure_value=args.storage_id,
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.first_server]),
        )
        self.register_outputs({"id": self.id})
