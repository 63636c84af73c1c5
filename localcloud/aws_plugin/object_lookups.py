"""The lookup of an object in S3."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import botocore.exceptions

from localcloud.aws_plugin.resources.kind import names, selected
from localcloud.aws_plugin.session import NoSuchThingError, Session
from localcloud.aws_plugin.values import Values

# The provider returns the content of objects of these types, as `isContentTypeAllowed` has them:
# https://github.com/hashicorp/terraform-provider-aws/blob/v6.0.0/internal/service/s3/object_data_source.go
_TEXT = re.compile(
    r"text/.+|application/(json|yaml|xml|x-sql|x-sh|x-csh|x-httpd-php|ld\+json|atom\+xml|"
    r"xhtml\+xml)"
)


def get_object(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.s3.get_object"""
    s3, place = aws.client("s3"), {"Bucket": args["bucket"], "Key": args["key"]}
    with_checksums = {"ChecksumMode": args["checksumMode"]} if args.get("checksumMode") else {}
    try:
        found = s3.head_object(**place, **with_checksums)
    except botocore.exceptions.ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchKey"):
            raise
        raise NoSuchThingError(
            f"reading S3 Bucket ({args['bucket']}) Object ({args['key']}): couldn't find resource"
        ) from None
    is_text = _TEXT.fullmatch(found["ContentType"])
    return {
        "id": f"{args['bucket']}/{args['key']}",
        "body": s3.get_object(**place)["Body"].read().decode() if is_text else "",
        "etag": found["ETag"].strip('"'),
        "checksumSha256": found.get("ChecksumSHA256", ""),
        "sseKmsKeyId": found.get("SSEKMSKeyId", ""),
        **selected(found, names("contentLength contentType serverSideEncryption versionId")),
    }
