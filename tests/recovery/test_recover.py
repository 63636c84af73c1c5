"""Recovery in its order: not while another run is active, and the state is cleared last."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recovery import account as accounts
from recovery.__main__ import agree, main
from recovery.errors import RecoveryError
from recovery.interrupted import read
from recovery.recover import recover
from recovery.stack import Stack
from tests.recovery.conftest import Account
from tests.recovery.test_leftovers import instance, interface, table

URN = "urn:pulumi:dev::k3s-aws::pulumi:pulumi:Stack::k3s-aws-dev"
KEYS = {"region": "us-east-1", "accessKey": "test", "secretKey": "test"}
Pulumi = Callable[..., Stack]


def endpoints(account: Account) -> list[dict[str, str]]:
    return [dict.fromkeys(("ec2", "iam", "ssm", "sts"), account.endpoint)]


def exported(account: Account, *creations: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    recorded = [{"type": "x", "urn": "u", "id": name} for name in account.recorded_ids]
    return {
        "version": 3,
        "deployment": {
            "resources": [{"type": "pulumi:pulumi:Stack", "urn": URN}, *recorded],
            "pending_operations": [
                {"type": "creating", "resource": {"type": kind, "inputs": inputs}}
                for kind, inputs in creations
            ],
        },
    }


@pytest.fixture
def pulumi(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pulumi:
    """A `pulumi` that prints a file and records its calls."""

    def make(export: dict[str, Any], *, refresh: str = "true") -> Stack:
        (tmp_path / "export.json").write_text(json.dumps(export))
        config: dict[str, Any] = {f"aws:{key}": {"value": value} for key, value in KEYS.items()}
        config["aws:endpoints"] = {"value": "[...]", "objectValue": endpoints(account)}
        (tmp_path / "config.json").write_text(json.dumps(config))
        command = tmp_path / "pulumi"
        command.write_text(
            "#!/bin/sh\n"
            f'echo "$*" >> {tmp_path}/calls\n'
            f'case "$1" in stack) cat {tmp_path}/export.json;;\n'
            f"config) cat {tmp_path}/config.json;;\n"
            f"refresh) {refresh};; esac\n"
        )
        command.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        return Stack(tmp_path, "dev")

    return make


def calls(tmp_path: Path) -> list[str]:
    """The first words of each call."""
    return [" ".join(line.split()[:2]) for line in (tmp_path / "calls").read_text().splitlines()]


def test_a_stack_without_interrupted_creations_is_not_changed(
    account: Account, pulumi: Pulumi, tmp_path: Path
) -> None:
    reported: list[str] = []
    recover(pulumi(exported(account)), lambda _: True, reported.append)
    assert reported == ["no creation was interrupted: nothing to recover"]
    assert calls(tmp_path) == ["stack export"]


def test_leftovers_are_removed_before_the_creations_are_cleared(
    account: Account, pulumi: Pulumi, tmp_path: Path
) -> None:
    made, inputs = instance(account)
    reported: list[str] = []
    stack = pulumi(exported(account, ("aws:ec2/instance:Instance", inputs)))
    recover(stack, lambda _: True, reported.append)
    assert reported == [
        "interrupted creations: 1, left in AWS: 1",
        f"removing instance {made}",
        "the interrupted creations are out of the state: run pulumi up again",
    ]
    assert calls(tmp_path) == [
        "stack export",
        "refresh --skip-pending-creates",
        "stack export",
        "config --json",
        "refresh --clear-pending-creates",
    ]
    assert f"--target {URN} " in (tmp_path / "calls").read_text()


ELSEWHERE = {
    "account": {"accountId": "999999999999", "region": "us-east-1"},
    "region": {"accountId": "123456789012", "region": "eu-central-1"},
}


def with_resource(export: dict[str, Any], resource: dict[str, Any]) -> dict[str, Any]:
    export["deployment"]["resources"].append(resource)
    return export


@pytest.mark.parametrize("what", ELSEWHERE)
def test_with_credentials_of_another_account_nothing_is_searched_for_nor_forgotten(
    account: Account, pulumi: Pulumi, tmp_path: Path, what: str
) -> None:
    kind = "aws:ec2/networkInterface:NetworkInterface"
    _, inputs = interface(account)
    cluster = {"type": "k3s:aws:K3sCluster", "urn": "v", "inputs": ELSEWHERE[what]}
    stack = pulumi(with_resource(exported(account, (kind, inputs)), cluster))
    with pytest.raises(RecoveryError) as refused:
        recover(stack, lambda _: True, print)
    assert str(refused.value) == (
        f"the resources of the stack are in {what} {[*ELSEWHERE[what].values()][what == 'region']},"
        " the credentials and the configuration lead to account 123456789012, region us-east-1\n"
        "    use those with which pulumi up ran (AWS_PROFILE, AWS_REGION, aws:*)"
    )
    assert len(account.left_by(kind, inputs)) == 1
    assert "refresh --clear-pending-creates" not in calls(tmp_path)


@pytest.mark.parametrize(
    ("resource", "refused"),
    [
        (
            {"type": "aws:iam/role:Role", "outputs": {"arn": "arn:aws:iam::999999999999:role/a"}},
            True,
        ),
        (
            {
                "type": "aws:ec2/vpc:Vpc",
                "outputs": {"arn": "arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1"},
            },
            False,
        ),
        ({"type": "aws:s3/bucket:Bucket", "outputs": {"arn": "arn:aws:s3:::a-bucket"}}, False),
        # A key of another account is no resource of the stack.
        (
            {
                "type": "aws:ssm/parameter:Parameter",
                "outputs": {"keyId": "arn:aws:kms:us-east-1:999999999999:key/a"},
            },
            False,
        ),
        ({"type": "k3s:index:Node", "outputs": {"arn": "arn:aws:x:y:999999999999:z"}}, False),
    ],
)
def test_the_account_of_a_stack_is_that_of_its_resources(
    account: Account, pulumi: Pulumi, resource: dict[str, Any], refused: bool
) -> None:
    kind = "aws:ec2/networkInterface:NetworkInterface"
    _, inputs = interface(account)
    export = with_resource(exported(account, (kind, inputs)), {"urn": "v", **resource})
    if refused:
        with pytest.raises(RecoveryError, match="the resources of the stack are in account 9999"):
            recover(pulumi(export), lambda _: True, print)
    else:
        recover(pulumi(export), lambda _: True, print)
    assert len(account.left_by(kind, inputs)) == (1 if refused else 0)


def test_the_question_names_the_account_and_the_region(
    account: Account, pulumi: Pulumi, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, inputs = interface(account)
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)

    def refuse(question: str) -> str:
        asked.append(question)
        return "no"

    monkeypatch.setattr("builtins.input", refuse)
    kind = "aws:ec2/networkInterface:NetworkInterface"
    recover(pulumi(exported(account, (kind, inputs))), agree, lambda _: None)
    assert asked == [
        "These are in AWS (account 123456789012, region us-east-1) and in no state. "
        "Remove them? [yes/no] "
    ]


def test_the_end_of_the_input_is_no_consent(
    account: Account, pulumi: Pulumi, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, inputs = interface(account)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)

    def end(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", end)
    kind = "aws:ec2/networkInterface:NetworkInterface"
    reported: list[str] = []
    recover(pulumi(exported(account, (kind, inputs))), agree, reported.append)
    assert reported[-1] == "nothing was removed, the state is unchanged"
    assert len(account.left_by(kind, inputs)) == 1


def test_without_consent_nothing_is_removed(
    account: Account, pulumi: Pulumi, tmp_path: Path
) -> None:
    kind = "aws:ec2/networkInterface:NetworkInterface"
    made, inputs = interface(account)
    printed: list[str] = []

    def refuse(left: Any) -> bool:
        printed.extend(str(each) for each in left)
        return False

    recover(pulumi(exported(account, (kind, inputs))), refuse, print)
    assert printed == [f"network interface {made}"]
    assert len(account.left_by(kind, inputs)) == 1
    assert "refresh --clear-pending-creates" not in calls(tmp_path)


def test_while_another_run_is_active_nothing_is_removed(account: Account, pulumi: Pulumi) -> None:
    kind = "aws:ec2/networkInterface:NetworkInterface"
    _, inputs = interface(account)
    stack = pulumi(
        exported(account, (kind, inputs)), refresh="echo 'locked by 1 lock(s)' >&2; exit 255"
    )
    with pytest.raises(RecoveryError, match=r"`pulumi refresh --skip.*` failed\nlocked by 1 lock"):
        recover(stack, lambda _: True, print)
    assert len(account.left_by(kind, inputs)) == 1


def test_a_state_with_empty_attributes_is_an_error_with_its_fix(
    account: Account, pulumi: Pulumi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pulumi(exported(account))
    command = tmp_path / "pulumi"
    command.write_text("#!/bin/sh\necho 'error: failed to load checkpoint: EOF' >&2; exit 255\n")
    assert main(["--stack", "dev"]) == 1
    printed = capsys.readouterr().err
    assert "failed to load checkpoint: EOF\n" in printed
    assert "beside the stack's .json, and end the backend's URL with ?metadata=skip" in printed


def test_a_resource_of_a_run_that_just_ended_is_not_a_leftover(
    account: Account, pulumi: Pulumi, tmp_path: Path
) -> None:
    kind = "aws:ec2/networkInterface:NetworkInterface"
    made, inputs = interface(account)
    (tmp_path / "ended.json").write_text(json.dumps(exported(account)))
    ends = f"cp {tmp_path}/ended.json {tmp_path}/export.json"
    reported: list[str] = []
    recover(
        pulumi(exported(account, (kind, inputs)), refresh=ends), lambda _: True, reported.append
    )
    assert reported == ["no creation was interrupted: nothing to recover"]
    assert [left.id for left in account.left_by(kind, inputs)] == [made]


def test_a_creation_that_cannot_be_searched_for_is_named_and_nothing_is_cleared(
    account: Account, pulumi: Pulumi, tmp_path: Path
) -> None:
    stack = pulumi(exported(account, ("aws:rds/instance:Instance", {})))
    with pytest.raises(RecoveryError) as caught:
        recover(stack, lambda _: True, print)
    assert str(caught.value) == (
        "cannot search for aws:rds/instance:Instance\n"
        "    `pulumi refresh` asks for the result of each interrupted creation"
    )
    assert "refresh --clear-pending-creates" not in calls(tmp_path)


def test_an_error_of_aws_is_reported_and_nothing_is_cleared(
    account: Account, pulumi: Pulumi, tmp_path: Path
) -> None:
    made, inputs = table(account)
    account.ec2.associate_route_table(RouteTableId=made, SubnetId=account.subnet)
    stack = pulumi(exported(account, ("aws:ec2/routeTable:RouteTable", inputs)))
    with pytest.raises(RecoveryError, match=rf"AWS refused: .*{made}.* has dependencies"):
        recover(stack, lambda _: True, print)
    assert "refresh --clear-pending-creates" not in calls(tmp_path)


def test_an_export_of_another_version_is_rejected() -> None:
    with pytest.raises(
        RecoveryError, match="the stack's export has version 9, supported are 3 and 4"
    ):
        read({"version": 9})


def test_without_pulumi_the_command_names_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["--stack", "dev", "--yes"]) == 1
    assert capsys.readouterr().err == (
        "error: there is no `pulumi` on PATH\n    install the Pulumi CLI, 3.219.0 or newer\n"
    )


def test_the_region_endpoints_and_keys_are_the_stacks_own() -> None:
    config = {
        "region": "eu-west-1",
        "accessKey": "AKIDEXAMPLE",
        "secretKey": "hidden",
        "endpoints": [{"ec2": "http://127.0.0.1:1"}],
    }
    client = accounts.clients(config, {"AWS_REGION": "us-west-2"})
    assert client("ec2").meta.endpoint_url == "http://127.0.0.1:1"
    assert client("ssm").meta.endpoint_url == "https://ssm.eu-west-1.amazonaws.com"


def test_the_region_may_come_from_the_environment() -> None:
    client = accounts.clients({}, {"AWS_REGION": "us-west-2"})
    assert client("ssm").meta.region_name == "us-west-2"


def test_roles_are_assumed_as_the_provider_does(account: Account) -> None:
    role = {"roleArn": "arn:aws:iam::210987654321:role/deploy", "externalId": "shared"}
    config = {**KEYS, "endpoints": endpoints(account), "assumeRoles": [role]}
    who = accounts.clients(config, {})("sts").get_caller_identity()
    assert who["Arn"] == "arn:aws:sts::210987654321:assumed-role/deploy/recovery"
