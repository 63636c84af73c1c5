"""Bucket (k3s:aws:Bucket): what the machines fetch that user data has no room for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class BucketArgs:
    """The objects by key: texts, or files of this machine. S3 takes ten tags for an object."""

    objects: Mapping[str, str | pulumi.FileAsset]
    tags: Mapping[str, pulumi.Input[str]]
    object_tags: Mapping[str, pulumi.Input[str]]
    keep_after_destroy: bool = False


class Bucket(pulumi.ComponentResource):
    """
    A private bucket with objects named after their content (k3s:aws:Bucket).

    Creates the bucket, the block of public access, and an object for each key. It goes with all
    that is in it, unless `keep_after_destroy`.
    """

    bucket_name: pulumi.Output[str]
    arn: pulumi.Output[str]
    objects: list[aws.s3.BucketObjectv2]

    def __init__(
        self, name: str, args: BucketArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("k3s:aws:Bucket", name, None, opts)
        keep = args.keep_after_destroy
        child = pulumi.ResourceOptions(parent=self, retain_on_delete=keep)
        bucket = aws.s3.Bucket(name, force_destroy=not keep, tags=dict(args.tags), opts=child)
        self.bucket_name, self.arn = bucket.bucket, bucket.arn
        block = aws.s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        self.objects = [
            aws.s3.BucketObjectv2(
                f"{name}-{key.replace('/', '-')}",
                bucket=bucket.bucket,
                key=key,
                content=content if isinstance(content, str) else None,
                source=None if isinstance(content, str) else content,
                tags=dict(args.object_tags),
                # AWS refuses two changes of one bucket at a time.
                opts=pulumi.ResourceOptions.merge(
                    child, pulumi.ResourceOptions(depends_on=[block])
                ),
            )
            for key, content in args.objects.items()
        ]
        self.register_outputs({"bucketName": self.bucket_name})
