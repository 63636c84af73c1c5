"""The snapshots of a cluster's datastore in their bucket (cloud-init/backup.py makes them)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
_MOST_MISSED = 2
_FIX = (
    "start the servers where they are stopped; journalctl -u k3s-aws-backup on the Ready server "
    "that is first by name has the cause; or copy away what has to stay"
)


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
    every_hours: int = 0
    """Hours until the next one was due; 0 in one of an older release."""
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


def overdue(found: Sequence[Snapshot], now: datetime) -> str | None:
    """
    That no snapshot follows the newest of these, newest first; None where one may still come.

    S3 deletes by age, whether a newer one exists or not.
    """
    newest = next((each for each in found if not each.problem), None)
    if newest is None:
        return f"none of these can be restored\n    {_FIX}" if found else None
    try:
        taken = datetime.strptime(newest.taken_at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return f'takenAt of {newest.url}.json is not a time: "{newest.taken_at}"\n    {_FIX}'
    age = now - taken
    if not newest.every_hours or age <= _MOST_MISSED * timedelta(hours=newest.every_hours):
        return None
    return (
        f"the newest that can be restored is {age // timedelta(hours=1)} hours old, and one is due "
        f"every {newest.every_hours}: S3 deletes the last one too after cluster.backup.keepDays\n"
        f"    {_FIX}"
    )


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
            every_hours=int(content.get("everyHours", 0)),
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return Snapshot(url=url, problem="its description is not one of this program")
    if found.bytes != size:
        return Snapshot(url=url, problem=f"it has {size} bytes, its description {found.bytes}")
    return found
