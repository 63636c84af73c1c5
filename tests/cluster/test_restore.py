"""The snapshot that a cluster is made from, compared before anything is touched."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest

from cluster import comparison, config, record, record_json, restore
from cluster.errors import ChangeRejected, ConfigError, Kind
from cluster.model import Cluster
from cluster.restore import StoredObject
from tests.cluster import ec2

URL = "s3://the-bucket/snapshots/demo/20261124T030000Z-demo-servers-9abcdef0"
DATA = b"packed"
KEY = f"arn:aws:kms:eu-central-1:123456789012:key/mrk-{'0a' * 16}"
DESCRIPTION = {
    "schema": 1,
    "cluster": "demo-servers",
    "node": "demo-servers-9abcdef0",
    "takenAt": "2026-11-24T03:00:00Z",
    "datastore": "sqlite",
    "k3sVersion": "v1.36.4+k3s1",
    "caHash": hashlib.sha256(b"PEM of server-ca.crt").hexdigest(),
    "bytes": len(DATA),
    "sha256": hashlib.sha256(DATA).hexdigest(),
    "fixed": {"cluster-cidr": None, "service-cidr": None, "secrets-encryption": True},
}
CREDENTIALS = {
    "token": "K10abab::server:0a0a",
    "agentToken": "0b0b",
    **{name: f"PEM of {name}" for name in restore.AUTHORITY},
}


def cluster(**keys: Any) -> Cluster:
    raw = {
        "name": "demo",
        "network": {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": ["203.0.113.0/24"]},
        "restoreFrom": URL,
        **keys,
    }
    given = {key: value for key, value in raw.items() if value is not None}
    return ec2.resolve(config.load(given, stack="dev"))


def stored(
    description: Mapping[str, Any] = DESCRIPTION, **changes: Any
) -> dict[str, StoredObject | None]:
    digest = base64.b64encode(hashlib.sha256(DATA).digest()).decode()
    text, secrets = json.dumps(description), json.dumps(CREDENTIALS)
    data = StoredObject(size=len(DATA), sha256=digest)
    return {
        f"{URL}.gz": dataclasses.replace(data, **changes),
        f"{URL}.json": StoredObject(size=len(text), text=text),
        f"{URL}.credentials.json": StoredObject(size=len(secrets), text=secrets),
    }


def problems(found: Mapping[str, StoredObject | None], **keys: Any) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as refused:
        restore.credentials(cluster(**keys), found.get)
    return [(each.path, each.what) for each in refused.value.problems]


def test_the_credentials_are_the_authority_and_the_passwords_of_the_tokens() -> None:
    found = restore.credentials(cluster(), stored().get)
    assert (found.server_password, found.agent_password) == ("0a0a", "0b0b")
    assert found.authority["client-ca.key"] == "PEM of client-ca.key"
    assert "0a0a" not in repr(found)
    assert "PEM" not in repr(found)


def test_every_object_that_is_missing_is_named() -> None:
    found = {**stored(), f"{URL}.json": None, f"{URL}.gz": None}
    assert problems(found) == [
        ("cluster.restoreFrom", f"there is no {URL}.gz, and no {URL}.json"),
    ]


@pytest.mark.parametrize(
    "description",
    [
        {**DESCRIPTION, "schema": 2},
        {**DESCRIPTION, "datastore": "mysql"},
        {key: value for key, value in DESCRIPTION.items() if key != "fixed"},
        {},
    ],
)
def test_a_snapshot_of_another_program_is_rejected(description: Mapping[str, Any]) -> None:
    ((path, what),) = problems(stored(description))
    assert path == "cluster.restoreFrom"
    assert "is not one of this release of the program" in what


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"size": 4}, "the snapshot has 4 bytes, its description 6: it is not whole"),
        (
            {"sha256": base64.b64encode(bytes(32)).decode()},
            "the snapshot has another SHA-256 than its description",
        ),
        ({"kms_key": KEY}, f"the snapshot is encrypted with {KEY}, which the server may not use"),
    ],
)
def test_data_that_cannot_be_restored_is_rejected(changes: dict[str, Any], reason: str) -> None:
    assert problems(stored(**changes)) == [("cluster.restoreFrom", reason)]


def test_a_snapshot_that_no_machine_downloads_is_rejected() -> None:
    size = 2 << 30
    what = f"the snapshot has {size} bytes, and machines download {1 << 30} at most"
    found = stored({**DESCRIPTION, "bytes": size}, size=size)
    assert problems(found) == [("cluster.restoreFrom", what)]


def test_the_checksum_of_an_object_in_parts_is_not_the_one_of_its_content() -> None:
    assert restore.credentials(cluster(), stored(sha256="AAAA-3").get)


def test_credentials_of_another_cluster_are_rejected() -> None:
    what = "the credentials beside the snapshot are those of another cluster"
    found = stored({**DESCRIPTION, "caHash": "ab" * 32})
    assert problems(found) == [("cluster.restoreFrom", what)]


def test_the_key_of_the_backups_may_be_the_one_of_the_snapshot() -> None:
    found = stored(kms_key=KEY).get
    assert restore.credentials(cluster(backup={"kmsKeyArn": KEY}), found)


def test_everything_that_does_not_fit_the_cluster_is_reported_at_once() -> None:
    description = {
        **DESCRIPTION,
        "datastore": "etcd",
        "k3sVersion": "v1.37.1+k3s1",
        "fixed": {"cluster-cidr": "10.44.0.0/16", "service-cidr": None, "secrets-encryption": None},
    }
    found = dict(problems(stored(description, size=4)))
    assert set(found) == {
        "cluster.restoreFrom",
        "cluster.k3s.version",
        "cluster.servers.count",
        "cluster.network.clusterCidr",
        "cluster.k3s.secretsEncryption",
    }
    assert '"v1.37.1+k3s1", which wrote the datastore' in found["cluster.k3s.version"]
    assert 'must be "10.44.0.0/16"' in found["cluster.network.clusterCidr"]
    assert "must be false" in found["cluster.k3s.secretsEncryption"]


def test_a_snapshot_of_sqlite_is_enough_for_several_servers() -> None:
    assert restore.credentials(cluster(servers={"count": 3}), stored().get)


def outputs(of: Cluster) -> dict[str, Any]:
    return {record.OUTPUT: record_json.render(record.of(of))}


def test_a_snapshot_is_read_until_an_update_with_it_has_succeeded() -> None:
    restored = cluster()
    assert restore.is_due(restored, {})
    assert not restore.is_due(restored, outputs(restored))
    assert restore.is_due(cluster(restoreFrom=f"{URL}0"), outputs(restored))
    without = cluster(restoreFrom=None)
    assert not restore.is_due(without, outputs(restored))


def test_a_cluster_stays_the_restored_one_without_the_key() -> None:
    restored = cluster()
    later = restore.since(cluster(restoreFrom=None), outputs(restored))
    assert later.restored_from == restored.restored_from
    assert later.datastore_generation == restored.datastore_generation
    assert [each.generation for each in later.nodes] == [each.generation for each in restored.nodes]
    assert restore.since(cluster(restoreFrom=None), {}).restored_from is None


def test_a_long_name_of_a_snapshot_is_remembered_too() -> None:
    long = f"s3://the-bucket/snapshots/{'d' * 32}/20261124T030000Z-{'d' * 32}-servers-9abcdef0"
    restored = cluster(restoreFrom=long)
    assert not restore.is_due(restored, outputs(restored))
    later = restore.since(cluster(restoreFrom=None), outputs(restored))
    assert later.datastore_generation == restored.datastore_generation


def test_another_datastore_does_not_begin_with_an_earlier_snapshot_once_more() -> None:
    last = outputs(cluster())
    other = {"k3s": {"secretsEncryption": False}, "allowDataLoss": True}
    with pytest.raises(ChangeRejected) as rejected:
        comparison.compare(last, cluster(**other))
    assert [each.path for each in rejected.value.problems] == ["cluster.restoreFrom"]
    later = restore.since(cluster(restoreFrom=None, **other), last)
    assert [each.kind for each in comparison.compare(last, later)] == [Kind.DATA_LOSS]
    # The restore itself is a loss that the snapshot is meant for.
    comparison.compare(last, cluster(restoreFrom=f"{URL}0", allowDataLoss=True))


def test_another_snapshot_is_another_datastore_on_other_machines() -> None:
    one, other = cluster(), cluster(restoreFrom=f"{URL}0")
    assert one.datastore_generation != other.datastore_generation
    assert not {each.generation for each in one.nodes} & {each.generation for each in other.nodes}
