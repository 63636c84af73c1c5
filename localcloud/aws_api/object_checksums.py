"""Checksums of objects in S3: moto keeps one only where the header of the SDKs names it."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from localcloud.aws_api.wrapping import Given, Original, wrap

_HEADER = "x-amz-checksum-sha256"


def install() -> None:
    """Makes S3 keep a SHA-256 that comes with an upload, and reject one of other content."""
    from moto.s3.responses import S3Response

    wrap(S3Response, "_get_checksum", _checksum)


def _checksum(original: Original, response: Any, given: Given) -> Any:
    value = response.headers.get(_HEADER)
    if not value:
        return original(response, **given)
    if base64.b64encode(hashlib.sha256(response.body or b"").digest()).decode() != value:
        from moto.s3.exceptions import S3ClientError

        # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
        raise S3ClientError(
            "BadDigest", "The SHA256 you specified did not match the calculated checksum."
        )
    given["response_headers"][_HEADER] = value
    return "SHA256", value
