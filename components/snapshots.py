"""The snapshot of the configuration in S3, as the stack's own provider finds it."""

from __future__ import annotations

from functools import partial

import pulumi
import pulumi_aws as aws

from cluster import restore
from cluster.model import Cluster
from cluster.restore import StoredObject
from components import lookups


def credentials(cluster: Cluster, via: pulumi.InvokeOptions | None = None) -> restore.Credentials:
    """
    The credentials of the snapshot that the cluster is made from.

    Raises ConfigError where it cannot become the data of this cluster, LookupFailed where S3
    refuses.
    """
    return restore.credentials(cluster, partial(find, via=via))


def find(url: str, via: pulumi.InvokeOptions | None = None) -> StoredObject | None:
    """An object by its S3 URL, with its text where S3 has it as JSON; None where there is none."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    found = lookups.optional(
        url,
        ("NotFound", "NoSuchKey", "couldn't find resource"),
        lambda: aws.s3.get_object(bucket=bucket, key=key, checksum_mode="ENABLED", opts=via),
    )
    if found is None:
        return None
    return StoredObject(
        size=found.content_length,
        text=found.body or None,
        sha256=found.checksum_sha256 or None,
        kms_key=found.sse_kms_key_id or None,
    )
