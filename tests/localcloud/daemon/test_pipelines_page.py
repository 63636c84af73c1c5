"""The commands of docs/pipelines.md for AWS, run against the local cloud's API."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.localcloud.daemon.local_cloud import LocalCloud, client
from tests.pipelines import aws_commands
from toolchain.places import ROOT

pytestmark = pytest.mark.slow
PAGE = ROOT / "docs/pipelines.md"


def test_every_command_for_aws_works(cloud: LocalCloud, tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("ci", "docs"):
        (folder / name).symlink_to(ROOT / name)
    environment = {"PATH": os.environ["PATH"]}

    def made(service: str) -> Any:
        return client(service, cloud.endpoint)

    text = PAGE.read_text()
    run = [aws_commands.run(each, folder, environment, made) for each in aws_commands.blocks(text)]
    assert sum(run) == text.count("\naws ") > 10
    iam = made("iam")
    trust = iam.get_role(RoleName="k3s-aws-pull-request")["Role"]["AssumeRolePolicyDocument"]
    condition = trust["Statement"][0]["Condition"]["StringEquals"]
    assert condition["token.actions.githubusercontent.com:sub"] == (
        "repo:your-name@1234567/your-fork@987654321:environment:pull-request"
    )
    providers = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    trusted = trust["Statement"][0]["Principal"]["Federated"]
    assert trusted in {each["Arn"] for each in providers}
    state = iam.get_role_policy(RoleName="k3s-aws-pull-request", PolicyName="state")
    assert "BUCKET" not in json.dumps(state["PolicyDocument"])
    operator = "k3s-aws-operator"
    for name in ("pull-request", "dev", "temporary"):
        attached = iam.list_attached_role_policies(RoleName=f"k3s-aws-{name}")["AttachedPolicies"]
        assert [each["PolicyName"] for each in attached] == [operator], name
        assert iam.list_role_policies(RoleName=f"k3s-aws-{name}")["PolicyNames"] == ["state"]
    # It only reads.
    preview = {"RoleName": "k3s-aws-preview"}
    assert iam.list_attached_role_policies(**preview)["AttachedPolicies"] == []
    assert set(iam.list_role_policies(**preview)["PolicyNames"]) == {"state-read", "preview"}
    s3 = made("s3")
    bucket = "k3s-aws-state-temporary-123456789012"
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
