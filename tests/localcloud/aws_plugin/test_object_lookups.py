"""An object of S3, as the provider returns it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import botocore.exceptions
import grpc
import pytest

from tests.localcloud.aws_plugin.conftest import Engine

BUCKET = "snapshots-of-demo"
LOOKUP = "aws:s3/getObject:getObject"


@pytest.fixture
def s3(engine: Engine) -> Iterator[Any]:
    client = engine.client("s3")
    client.create_bucket(Bucket=BUCKET)
    yield client
    for each in client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        client.delete_object(Bucket=BUCKET, Key=each["Key"])
    client.delete_bucket(Bucket=BUCKET)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", "content"),
        ("text/plain", "content"),
        # The provider does not download what it cannot print.
        ("application/gzip", ""),
        ("application/jsonl", ""),
    ],
)
def test_the_content_is_returned_of_text_alone(
    engine: Engine, s3: Any, kind: str, body: str
) -> None:
    s3.put_object(Bucket=BUCKET, Key="a/b", Body=b"content", ContentType=kind)
    found = engine.invoke(LOOKUP, {"bucket": BUCKET, "key": "a/b"})
    assert (found["body"], found["contentLength"]) == (body, 7)
    assert (found["contentType"], found["id"]) == (kind, f"{BUCKET}/a/b")


def test_the_checksum_of_the_upload_is_returned_where_it_is_asked_for(
    engine: Engine, s3: Any
) -> None:
    digest = base64.b64encode(hashlib.sha256(b"content").digest()).decode()
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"content", ChecksumSHA256=digest)
    found = engine.invoke(LOOKUP, {"bucket": BUCKET, "key": "a", "checksumMode": "ENABLED"})
    assert found["checksumSha256"] == digest
    other = base64.b64encode(bytes(32)).decode()
    with pytest.raises(botocore.exceptions.ClientError, match="BadDigest"):
        s3.put_object(Bucket=BUCKET, Key="b", Body=b"content", ChecksumSHA256=other)


@pytest.mark.usefixtures("s3")
def test_an_object_that_is_not_there_is_an_error_as_the_provider_words_it(engine: Engine) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        engine.invoke(LOOKUP, {"bucket": BUCKET, "key": "missing"})
    reason = f"reading S3 Bucket ({BUCKET}) Object (missing): couldn't find resource"
    error: Any = caught.value
    assert reason in error.details()
