"""Backups (k3s:aws:Backups): the bucket of the snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from cluster import backup
from cluster.model import Cluster
from cluster.spec import Backup
from cluster.stored_programs import BACKUP
from components.bucket import Bucket, BucketArgs


@dataclass(frozen=True, kw_only=True)
class BackupsArgs:
    """How long snapshots are kept, and what they are encrypted with. S3 takes ten object tags."""

    backup: Backup
    tags: Mapping[str, pulumi.Input[str]]
    object_tags: Mapping[str, pulumi.Input[str]]


class Backups(pulumi.ComponentResource):
    """
    The bucket of a cluster's snapshots (k3s:aws:Backups).

    Creates a private bucket with the program that makes snapshots, the rule that deletes old ones,
    and the encryption with a key of one's own. With `keep_after_destroy` it is left behind when the
    stack is destroyed, without the rule; else it goes with all that is in it.
    """

    bucket_name: pulumi.Output[str]
    arn: pulumi.Output[str]
    objects: list[aws.s3.BucketObjectv2]

    def __init__(
        self, name: str, args: BackupsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("k3s:aws:Backups", name, None, opts)
        keep = args.backup.keep_after_destroy
        child = pulumi.ResourceOptions(parent=self, retain_on_delete=keep)
        bucket = Bucket(
            name,
            BucketArgs(
                objects={BACKUP.key: BACKUP.text},
                tags=args.tags,
                object_tags=args.object_tags,
                keep_after_destroy=keep,
            ),
            child,
        )
        self.bucket_name, self.arn = bucket.bucket_name, bucket.arn
        self.objects = bucket.objects
        aws.s3.BucketLifecycleConfiguration(
            name,
            bucket=bucket.bucket_name,
            rules=[
                {
                    "id": "snapshots",
                    "status": "Enabled",
                    "filter": {"prefix": f"{backup.SNAPSHOTS}/"},
                    "expiration": {"days": args.backup.keep_days},
                }
            ],
            # Not kept: with nobody to make further snapshots it would delete the last one too.
            opts=pulumi.ResourceOptions(parent=self),
        )
        if args.backup.kms_key_arn:
            aws.s3.BucketServerSideEncryptionConfiguration(
                name,
                bucket=bucket.bucket_name,
                rules=[
                    {
                        "apply_server_side_encryption_by_default": {
                            "sse_algorithm": "aws:kms",
                            "kms_master_key_id": args.backup.kms_key_arn,
                        },
                        "bucket_key_enabled": True,
                    }
                ],
                opts=child,
            )
        self.register_outputs({"bucketName": self.bucket_name})


def create(
    name: str,
    cluster: Cluster,
    tags: Mapping[str, pulumi.Input[str]],
    object_tags: Mapping[str, pulumi.Input[str]],
    opts: pulumi.ResourceOptions,
) -> Backups | None:
    """The backups of a cluster that has some; those that outlive the cluster do not expire."""
    if cluster.backup is None:
        return None
    if cluster.backup.keep_after_destroy:
        tags, object_tags = cluster.tags, cluster.short_tags
    args = BackupsArgs(backup=cluster.backup, tags=tags, object_tags=object_tags)
    return Backups(f"{name}-backups", args, opts)
