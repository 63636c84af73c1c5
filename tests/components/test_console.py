"""A machine that reports nothing until the deadline is explained by its console output."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import botocore.exceptions
import pulumi
import pytest

from cluster import config
from components import console
from provider.resources.node import boot
from tests.cluster import ec2 as account
from tests.components.recording import CONFIGURATION, finish

SILENT = "node is not Ready after 600 s\n    aws ec2 get-console-output --instance-id i-1"


class Ec2:
    """EC2 with one instance; `nitro` instances have a latest output."""

    def __init__(self, output: str, *, nitro: bool = True, state: str = "running") -> None:
        self.output, self.nitro, self.state = output, nitro, state

    def describe_instances(self, **_: Any) -> Mapping[str, Any]:
        return {"Reservations": [{"Instances": [{"State": {"Name": self.state}}]}]}

    def get_console_output(self, **given: Any) -> Mapping[str, Any]:
        if given.get("Latest") and not self.nitro:
            raise botocore.exceptions.ClientError(
                {"Error": {"Code": "UnsupportedOperation", "Message": "not Nitro"}},
                "GetConsoleOutput",
            )
        return {"InstanceId": given["InstanceId"], "Output": self.output}


def logged_by_the_hook(monkeypatch: pytest.MonkeyPatch, error: str, ec2: Ec2) -> list[str]:
    """What the hook of a failed node logs."""
    logged: list[str] = []
    monkeypatch.setattr(pulumi.log, "error", logged.append)
    args = pulumi.ErrorHookArgs(
        "urn", "", "demo-agents-0", console.NODE, {"instanceId": "i-1"}, errors=[error]
    )
    network = account.resolve(config.load({**CONFIGURATION, "pools": []}, stack="dev")).network
    assert finish(console.show(args, network, lambda: ec2)) is False
    return logged


@pytest.mark.parametrize("nitro", [True, False])
def test_the_last_lines_of_the_console_are_logged(
    monkeypatch: pytest.MonkeyPatch, nitro: bool
) -> None:
    output = "\r\n".join(["[    0.0] Linux", "", "SSM returned 400: AccessDeniedException"])
    assert logged_by_the_hook(monkeypatch, SILENT, Ec2(output, nitro=nitro)) == [
        "demo-agents-0: the console output of i-1 ends with\n"
        "    [    0.0] Linux\n"
        "    SSM returned 400: AccessDeniedException\n"
        "    SSH is open to 198.51.100.7/32, the API to 203.0.113.0/24: if EC2 sees this run from "
        "another address than these, it reaches no machine"
    ]


def test_an_error_of_a_machine_that_has_reported_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert logged_by_the_hook(monkeypatch, "failed to boot in download-k3s", Ec2("x")) == []


@pytest.mark.parametrize(
    ("state", "way"),
    [
        ("stopped", "start it with aws ec2 start-instances --instance-ids i-1"),
        ("terminated", "pulumi up --refresh replaces it"),
        ("stopping", "once it has stopped, start it with"),
        ("shutting-down", "once it has ended (aws ec2 wait instance-terminated --instance-ids i-1"),
    ],
)
def test_an_instance_that_does_not_run_is_reported_as_that(
    monkeypatch: pytest.MonkeyPatch, state: str, way: str
) -> None:
    (logged,) = logged_by_the_hook(monkeypatch, SILENT, Ec2("old lines", state=state))
    assert f"EC2 reports i-1 as {state}: {way}" in logged
    assert "old lines" not in logged


def test_a_console_that_is_empty_or_not_readable_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (empty,) = logged_by_the_hook(monkeypatch, SILENT, Ec2("\n"))
    assert "is empty so far" in empty

    def no_client() -> Any:
        raise botocore.exceptions.NoCredentialsError

    assert "could not be read: Unable to locate credentials" in console.describe("i-1", no_client)


def test_an_error_of_aws_is_one_harmless_line() -> None:
    def fail() -> Any:
        raise ValueError("first\n::stop-commands::x\x1b[2J ##vso[task.complete]")

    text = console.describe("i-1", fail)
    assert text.startswith("the console output of i-1 could not be read: first : :stop-commands")
    assert text.isprintable()
    assert "##vso[" not in text


def test_what_a_machine_prints_is_cut_and_cleaned() -> None:
    text = "\n".join(f"line {number}" for number in range(100))
    lines = console.last_lines(f"{text}\n\x1b[31mred\x1b[0m\x07 ##[group]\n{'x' * 1000}")
    assert len(lines) == console.LINES
    assert lines[-2:] == ["red? # #[group]", "x" * console.WIDTH]


def test_the_error_of_the_node_is_the_one_that_the_hook_looks_for() -> None:
    assert console.MARK in boot.console_hint({"instanceId": "i-1"})


def test_the_client_is_made_where_the_program_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine calls a hook when the project's folder is not on the path any more."""
    elsewhere = [each for each in sys.path if Path(each or ".").resolve() != console.PROJECT]
    monkeypatch.setattr(sys, "path", elsewhere)
    for name in [each for each in sys.modules if each.split(".")[0] == "recovery"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    client = console._client({})
    assert client.meta.region_name == "eu-central-1"
    # Where nothing responds, the error of the node is not held back for minutes.
    limits = client.meta.config
    assert limits.connect_timeout * limits.retries["total_max_attempts"] <= 40
