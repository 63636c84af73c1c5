"""S3 buckets and their objects."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import botocore.exceptions

from localcloud.aws_plugin.resources.kind import (
    Inputs,
    Kind,
    Pairs,
    Written,
    all_tags,
    as_pairs,
    properties,
    tag_outputs,
)
from localcloud.aws_plugin.session import Session, is_gone
from localcloud.aws_plugin.values import Values


class Bucket(Kind):
    token = "aws:s3/bucket:Bucket"
    inputs = properties("bucket forceDestroy tags")
    replaces = properties("bucket")
    named = "bucket"

    def create(self, aws: Session, inputs: Inputs) -> str:
        where = {} if aws.region == "us-east-1" else {"LocationConstraint": aws.region}
        more = {"CreateBucketConfiguration": where} if where else {}
        aws.client("s3").create_bucket(Bucket=inputs["bucket"], **more)
        return str(inputs["bucket"])

    def finish(self, aws: Session, id_: str, inputs: Inputs) -> None:
        self._tag(aws, id_, inputs)

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        s3 = aws.client("s3")
        s3.head_bucket(Bucket=id_)
        return {
            "arn": f"arn:aws:s3:::{id_}",
            "bucket": id_,
            "bucketDomainName": f"{id_}.s3.amazonaws.com",
            "bucketRegionalDomainName": f"{id_}.s3.{aws.region}.amazonaws.com",
            "forceDestroy": known.get("forceDestroy"),
            "region": aws.region,
            **tag_outputs(aws, self._tags(aws, id_)),
        }

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        self._tag(aws, id_, new)

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        s3 = aws.client("s3")
        if known.get("forceDestroy"):
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=id_):
                for each in page.get("Contents", ()):
                    s3.delete_object(Bucket=id_, Key=each["Key"])
        s3.delete_bucket(Bucket=id_)

    def _tag(self, aws: Session, id_: str, inputs: Inputs) -> None:
        tags = as_pairs(all_tags(aws, inputs))
        s3 = aws.client("s3")
        if tags:
            s3.put_bucket_tagging(Bucket=id_, Tagging={"TagSet": tags})
        else:
            s3.delete_bucket_tagging(Bucket=id_)

    @staticmethod
    def _tags(aws: Session, id_: str) -> Pairs:
        try:
            found: Pairs = aws.client("s3").get_bucket_tagging(Bucket=id_)["TagSet"]
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchTagSet":
                return []
            raise
        return found


class BucketObject(Written):
    token = "aws:s3/bucketObjectv2:BucketObjectv2"
    inputs = properties("bucket key content source tags")
    replaces = properties("bucket key")
    computed = properties("key")

    def id_of(self, inputs: Inputs) -> str:
        return f"{inputs['bucket']}/{inputs['key']}"

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        bucket, _, key = id_.partition("/")
        found = aws.client("s3").head_object(Bucket=bucket, Key=key)
        tags = aws.client("s3").get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
        return {
            "arn": f"arn:aws:s3:::{id_}",
            "bucket": bucket,
            "key": key,
            "content": known.get("content"),
            "source": known.get("source"),
            "etag": found["ETag"].strip('"'),
            **tag_outputs(aws, tags),
        }

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        tags = urlencode(all_tags(aws, new), quote_via=quote)
        aws.client("s3").put_object(
            Bucket=new["bucket"], Key=new["key"], Body=_body(new), Tagging=tags
        )

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        bucket, _, key = id_.partition("/")
        try:
            aws.client("s3").delete_object(Bucket=bucket, Key=key)
        except botocore.exceptions.ClientError as error:
            if not is_gone(error) and error.response["Error"]["Code"] != "NoSuchBucket":
                raise


def _body(inputs: Inputs) -> bytes:
    source: Any = inputs.get("source")
    if source is None:
        return str(inputs.get("content") or "").encode()
    content = Path(source["path"]).read_bytes()
    if hashlib.sha256(content).hexdigest() != source["hash"]:
        raise ValueError(f"{source['path']} changed while it was used")
    return content
