"""The identity of a cluster's data: replaced exactly when the data is other data."""

from __future__ import annotations

import pytest

from provider.protocol.values import UNKNOWN
from tests.provider.rpc import Rpc

DATASTORE = "k3s:index:Datastore"
INSTANCE, VOLUME = "i-0123456789abcdef0", "vol-0123456789abcdef0"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # From the root volume of the one server, and in a preview that creates its data volume.
        (INSTANCE, VOLUME),
        (INSTANCE, UNKNOWN),
        # From one server to several.
        (VOLUME, "etcd"),
        (INSTANCE, "etcd"),
    ],
)
def test_data_that_moves_stays_the_same_data(rpc: Rpc, before: str, after: str) -> None:
    diff = rpc.diff(DATASTORE, {"storageId": before}, {"storageId": after})
    assert (list(diff.diffs), list(diff.replaces)) == (["storageId"], [])


def test_the_new_place_of_the_data_is_recorded(rpc: Rpc) -> None:
    before, after = {"storageId": INSTANCE}, {"storageId": VOLUME}
    _, known = rpc.create(DATASTORE, before)
    outputs = rpc.update(DATASTORE, known, before, after)
    assert outputs["storageId"] == VOLUME
    assert list(rpc.diff(DATASTORE, after, {"storageId": "vol-0aaaaaaaaaaaaaaaa"}).replaces)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (VOLUME, "vol-0aaaaaaaaaaaaaaaa"),
        (VOLUME, UNKNOWN),
        (INSTANCE, "i-0aaaaaaaaaaaaaaaa"),
        ("etcd", VOLUME),
        ("etcd", UNKNOWN),
    ],
)
def test_another_storage_has_other_data(rpc: Rpc, before: str, after: str) -> None:
    diff = rpc.diff(DATASTORE, {"storageId": before}, {"storageId": after})
    assert list(diff.replaces) == ["storageId"]


def test_the_same_storage_is_no_change(rpc: Rpc) -> None:
    assert list(rpc.diff(DATASTORE, {"storageId": VOLUME}, {"storageId": VOLUME}).diffs) == []
