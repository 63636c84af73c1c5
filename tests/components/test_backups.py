"""The bucket of a cluster's snapshots, and who may write to it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cluster import machine_files
from cluster.stored_programs import BACKUP
from tests.cluster.parts import files_of, unpacked
from tests.components.recording import CONFIGURATION, Built, build

KEY = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"
BUCKET = "demo-backups"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"


def statements(built: Built, name: str) -> list[dict[str, Any]]:
    policy = built.of("aws:iam/rolePolicy:RolePolicy")[name]
    found: list[dict[str, Any]] = json.loads(policy.inputs["policy"])["Statement"]
    return found


def pool_part(built: Built, name: str) -> dict[str, Any]:
    template = built.of("k3s:index:MachineTemplate")[name]
    text = files_of(unpacked(template.inputs["userData"]))[machine_files.NODE]
    content: dict[str, Any] = json.loads(text)["pool"]
    return content


@pytest.fixture(scope="module")
def built() -> Built:
    return build({**CONFIGURATION, "backup": {"everyHours": 6, "keepDays": 30, "kmsKeyArn": KEY}})


@pytest.fixture(scope="module")
def kept() -> Built:
    return build({**CONFIGURATION, "backup": {"keepAfterDestroy": True}})


def test_servers_may_write_snapshots_and_neither_read_nor_delete_them(built: Built) -> None:
    arn = f"arn:aws:s3:::{BUCKET}"
    allowed = {
        action: statement["Resource"]
        for statement in statements(built, "demo-server")
        for action in statement["Action"]
        if isinstance(statement["Action"], list) and not action.startswith("ssm:")
    }
    assert allowed == {
        "s3:GetObject": [f"{arn}/programs/*"],
        "s3:PutObject": [f"{arn}/snapshots/demo/*"],
        "kms:Decrypt": [KEY],
        "kms:GenerateDataKey": [KEY],
    }


def test_agents_have_nothing_of_it(built: Built) -> None:
    assert "s3:" not in json.dumps(statements(built, "demo-agent"))
    assert "backup" not in pool_part(built, "demo-agents-0")


def test_servers_have_the_program_by_its_hash(built: Built) -> None:
    (uploaded,) = built.of("aws:s3/bucketObjectv2:BucketObjectv2").values()
    configured = pool_part(built, "demo-servers-0")["backup"]
    assert configured["source"].endswith(uploaded.inputs["key"])
    assert configured["everyHours"] == 6
    assert uploaded.inputs["content"] == BACKUP.text


def test_snapshots_are_encrypted_and_end(built: Built) -> None:
    lifecycle = built.of(LIFECYCLE)
    (rule,) = lifecycle[BUCKET].inputs["rules"]
    assert (rule["filter"], rule["expiration"]) == ({"prefix": "snapshots/"}, {"days": 30})
    kind = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    (rule,) = built.of(kind)[BUCKET].inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"] == KEY


def test_the_bucket_goes_with_the_stack_unless_it_is_kept_without_the_end_of_its_snapshots(
    built: Built, kept: Built
) -> None:
    buckets = [each.of("aws:s3/bucket:Bucket")[BUCKET] for each in (built, kept)]
    assert [each.inputs["forceDestroy"] for each in buckets] == [True, False]
    assert [each.retain_on_delete for each in buckets] == [False, True]
    s3 = [each for each in kept.resources if each.type.startswith("aws:s3/")]
    assert len(s3) == 4
    assert [each.type for each in s3 if not each.retain_on_delete] == [LIFECYCLE]


def test_a_cluster_without_backups_has_no_bucket() -> None:
    assert build(CONFIGURATION).of("aws:s3/bucket:Bucket") == {}
