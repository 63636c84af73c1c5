"""The listing of the snapshots of a cluster."""

from __future__ import annotations

import json
from typing import Any

import pytest

from recovery import snapshots
from recovery.errors import RecoveryError
from recovery.stack import Stack
from tests.localcloud.aws_plugin.conftest import endpoint
from tests.recovery.conftest import Account

__all__ = ["endpoint"]

FOLDER = "s3://kept/snapshots/demo/"
pytestmark = pytest.mark.slow


@pytest.fixture
def bucket(account: Account) -> Any:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="kept")
    return s3


def upload(s3: Any, name: str, **changes: Any) -> None:
    """As a server does; a suffix that is None is left out."""
    description = {
        "schema": 1,
        "takenAt": "2026-11-24T03:00:00Z",
        "node": "demo-servers-1",
        "datastore": "sqlite",
        "k3sVersion": "v1.36.4+k3s1",
        "bytes": 4,
        **changes,
    }
    for suffix, body in (
        (".gz", b"data"),
        (".credentials.json", b"{}"),
        (".json", json.dumps(description).encode()),
    ):
        if suffix != changes.get("without"):
            s3.put_object(Bucket="kept", Key=f"snapshots/demo/{name}{suffix}", Body=body)


def test_the_newest_is_first(account: Account, bucket: Any) -> None:
    for name in ("20261124T030000Z-a", "20261125T030000Z-b", "20261123T030000Z-c"):
        upload(bucket, name)
    found = snapshots.find(account.client, FOLDER)
    assert [each.url.rsplit("-", 1)[1] for each in found] == ["b", "a", "c"]
    assert found[0].url == f"{FOLDER}20261125T030000Z-b"
    assert str(found[0]).endswith("2026-11-24T03:00:00Z  sqlite  v1.36.4+k3s1  0.0 MiB")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"without": ".json"}, "there is no 1.json"),
        ({"without": ".credentials.json"}, "there is no 1.credentials.json"),
        ({"bytes": 5}, "it has 4 bytes, its description 5"),
        ({"schema": 2}, "its schema is 2"),
        ({"bytes": "many"}, "its description is not one of this program"),
    ],
)
def test_one_that_cannot_be_restored_is_listed_with_the_reason(
    account: Account, bucket: Any, changes: dict[str, Any], problem: str
) -> None:
    upload(bucket, "1", **changes)
    (found,) = snapshots.find(account.client, FOLDER)
    assert found.problem == problem
    assert "cannot be restored" in str(found)


def test_another_clusters_are_not_listed(account: Account, bucket: Any) -> None:
    upload(bucket, "1")
    assert snapshots.find(account.client, "s3://kept/snapshots/other/") == []


def test_a_stack_without_backups_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stack, "outputs", lambda _: {"nodes": []})
    with pytest.raises(RecoveryError, match=r"cluster\.backup"):
        snapshots.of_stack(Stack(None), None)  # type: ignore[arg-type]
