"""The keys of `backup`, and the one of what is restored."""

from __future__ import annotations

from cluster.effect import Effect
from cluster.reading.declarations import Boolean, Integer, Object, String
from cluster.reading.faults import Fault, quoted
from cluster.reading.keys import kms

# What divides a day, so that the hours are the same every day.
_HOURS = (1, 2, 3, 4, 6, 8, 12, 24)


def _divides_a_day(hours: int) -> Fault | None:
    if hours in _HOURS:
        return None
    what = f"{quoted(hours)} is not a number of hours that divides a day"
    return Fault(what, f"use one of {', '.join(map(str, _HOURS))}")


RESTORE_FROM = String(
    "the snapshot that the cluster is made from; removing the key changes nothing",
    Effect.REPLACE,
    default_text="an empty datastore",
    example="s3://the-bucket/snapshots/demo/20261124T030000Z-demo-servers-9abcdef0",
    noun="URL of a snapshot",
    hint="write it without .gz or .json, such as {}",
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    # S3's certificate does not cover names with dots.
    pattern=r"s3://[a-z0-9][a-z0-9-]{1,61}[a-z0-9](/[A-Za-z0-9_.-]+)+(?<!\.gz)(?<!\.json)",
)

BACKUP = Object(
    "snapshots of the datastore in a bucket of the stack; `{}` takes the defaults",
    default_text="no backups",
    keys={
        "everyHours": Integer(
            "hours between two snapshots, from midnight UTC on",
            Effect.IN_PLACE,
            default=12,
            low=1,
            high=24,
            check=_divides_a_day,
        ),
        "keepDays": Integer(
            "days until S3 deletes a snapshot", Effect.NONE, default=14, low=1, high=3650
        ),
        "keepAfterDestroy": Boolean(
            "whether the bucket and its snapshots stay when the stack is destroyed",
            Effect.NONE,
            default=False,
        ),
        "kmsKeyArn": kms.key("the KMS key that S3 encrypts the snapshots with", "S3's own key"),
    },
)
