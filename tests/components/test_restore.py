"""What a cluster that is made from a snapshot has besides, and which of its machines."""

from __future__ import annotations

import json
from typing import Any

import pulumi_aws as aws
import pytest

from cluster import config, machine_files, restore
from cluster.stored_programs import RESTORE
from components import lookups, snapshots
from tests.cluster.parts import files_of, unpacked
from tests.components.recording import CONFIGURATION, Built, build_cluster

URL = "s3://the-bucket/snapshots/demo/20261124T030000Z-demo-servers-9abcdef0"
GIVEN = restore.Credentials(
    server_password="0a" * 16,
    agent_password="0b" * 16,
    authority={name: f"PEM of {name}" for name in restore.AUTHORITY},
)


@pytest.fixture(scope="module")
def built() -> Built:
    raw = {**CONFIGURATION, "restoreFrom": URL}
    return build_cluster(lambda: lookups.resolve(config.load(raw, stack="dev")), restored=GIVEN)


def own_part(built: Built, name: str) -> dict[str, Any]:
    template = built.of("k3s:index:MachineTemplate")[name]
    text = files_of(unpacked(template.inputs["userData"]))[machine_files.NODE]
    content: dict[str, Any] = json.loads(text)["own"]
    return content


def test_the_authority_and_the_tokens_are_those_of_the_snapshot(built: Built) -> None:
    authority = built.of("k3s:index:CertificateAuthority")["demo"]
    assert authority.is_secret("given")
    assert json.loads(authority.plain("given")) == dict(GIVEN.authority)
    tokens = built.of("k3s:index:Token")
    assert all(each.is_secret("given") for each in tokens.values())
    assert {name: each.plain("given") for name, each in tokens.items()} == {
        "demo-server": GIVEN.server_password,
        "demo-agent": GIVEN.agent_password,
    }


def test_the_first_server_restores_with_a_program_of_the_bucket(built: Built) -> None:
    found = own_part(built, "demo-servers-0")["restore"]
    assert found["url"] == URL
    assert found["source"] == f"s3://demo-files/{RESTORE.key}"
    assert "restore" not in own_part(built, "demo-agents-0")
    objects = built.of("aws:s3/bucketObjectv2:BucketObjectv2")
    assert RESTORE.text in [each.inputs.get("content") for each in objects.values()]


def test_servers_may_read_the_snapshot_and_not_its_credentials(built: Built) -> None:
    policies = built.of("aws:iam/rolePolicy:RolePolicy")
    arn = URL.replace("s3://", "arn:aws:s3:::")
    servers = policies["demo-server"].inputs["policy"]
    assert f'"{arn}.gz"' in servers
    assert f'"{arn}.json"' in servers
    assert "credentials.json" not in servers
    assert arn not in policies["demo-agent"].inputs["policy"]


def test_an_object_of_s3_is_found_with_its_text_and_its_checksum(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[dict[str, Any]] = []

    class Found:
        content_length, body, checksum_sha256, sse_kms_key_id = 2, "{}", "", "the-key"

    def get_object(**args: Any) -> Found:
        asked.append(args)
        return Found()

    monkeypatch.setattr(aws.s3, "get_object", get_object)
    found = snapshots.find(f"{URL}.json")
    assert found == restore.StoredObject(size=2, text="{}", sha256=None, kms_key="the-key")
    key = "snapshots/demo/20261124T030000Z-demo-servers-9abcdef0.json"
    assert asked == [{"bucket": "the-bucket", "key": key, "checksum_mode": "ENABLED", "opts": None}]


def test_an_object_that_is_not_there_is_none_and_a_refusal_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reasons = ["reading S3 Bucket (b) Object (o): couldn't find resource", "api error Forbidden"]

    def get_object(**_: Any) -> None:
        # As the SDK raises what the provider refuses.
        raise Exception(reasons.pop(0))

    monkeypatch.setattr(aws.s3, "get_object", get_object)
    assert snapshots.find(f"{URL}.json") is None
    with pytest.raises(lookups.LookupFailed, match="Forbidden"):
        snapshots.find(f"{URL}.json")
