"""The snapshots of a cluster's datastore in their bucket (cloud-init/backup.py makes them)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from recovery import account
from recovery.errors import RecoveryError
from recovery.leftover import Client
from recovery.stack import Stack

SCHEMA = 1
_DESCRIPTION = ".json"
_CREDENTIALS = ".credentials.json"
_DATA = ".gz"


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A snapshot as its description has it; `problem` is why it cannot be restored, if so."""

    url: str
    """What `cluster.restoreFrom` takes."""
    taken_at: str = ""
    node: str = ""
    datastore: str = ""
    k3s_version: str = ""
    bytes: int = 0
    problem: str = ""

    def __str__(self) -> str:
        if self.problem:
            return f"{self.url}  cannot be restored: {self.problem}"
        size = f"{self.bytes / (1 << 20):.1f} MiB"
        return f"{self.url}  {self.taken_at}  {self.datastore}  {self.k3s_version}  {size}"


def of_stack(stack: Stack, folder: str | None) -> list[Snapshot]:
    """
    The snapshots of a stack's cluster, or those below `folder`, an S3 URL; the newest first.

    Raises RecoveryError where the stack has no backups, or AWS refuses.
    """
    folder = folder or stack.outputs().get("snapshots")
    if not isinstance(folder, str) or not folder.startswith("s3://"):
        raise RecoveryError(
            "the stack has no output snapshots\n    set cluster.backup and run pulumi up, or name "
            "the folder of a bucket: --folder s3://<bucket>/snapshots/<cluster>/"
        )
    try:
        return find(account.clients(stack.aws_config(), os.environ), folder)
    except (BotoCoreError, ClientError) as error:
        raise RecoveryError(f"AWS refused: {error}") from None


def find(client: Client, folder: str) -> list[Snapshot]:
    """The snapshots below an S3 URL, the newest first. Raises botocore's errors."""
    bucket, _, prefix = folder.removeprefix("s3://").partition("/")
    s3 = client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    sizes = {each["Key"]: each["Size"] for page in pages for each in page.get("Contents", ())}
    return sorted(_read(s3, bucket, sizes), key=lambda each: each.url, reverse=True)


def _read(s3: Any, bucket: str, sizes: dict[str, int]) -> Iterator[Snapshot]:
    for key, size in sizes.items():
        if not key.endswith(_DATA):
            continue
        base = key.removesuffix(_DATA)
        url = f"s3://{bucket}/{base}"
        missing = [each for each in (_DESCRIPTION, _CREDENTIALS) if base + each not in sizes]
        if missing:
            yield Snapshot(url=url, problem=f"there is no {base.rsplit('/', 1)[-1]}{missing[0]}")
            continue
        text = s3.get_object(Bucket=bucket, Key=base + _DESCRIPTION)["Body"].read(1 << 20)
        yield _parse(url, text, size)


def _parse(url: str, text: bytes, size: int) -> Snapshot:
    try:
        content = json.loads(text)
        if content["schema"] != SCHEMA:
            return Snapshot(url=url, problem=f"its schema is {content['schema']!r}")
        found = Snapshot(
            url=url,
            taken_at=str(content["takenAt"]),
            node=str(content["node"]),
            datastore=str(content["datastore"]),
            k3s_version=str(content["k3sVersion"]),
            bytes=int(content["bytes"]),
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return Snapshot(url=url, problem="its description is not one of this program")
    if found.bytes != size:
        return Snapshot(url=url, problem=f"it has {size} bytes, its description {found.bytes}")
    return found
