"""The bill of materials as an output of the program."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import grpc
import pulumi
import pytest

from components import bom
from tests.components import recording
from tests.components.recording import CONFIGURATION, Built, build

GET_AMI = "aws:ec2/getAmi:getAmi"


class Rejection(grpc.RpcError):
    """The error that the engine returns when a provider rejects a lookup."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNKNOWN

    def details(self) -> str:
        return str(self)


def names(built: Built) -> dict[str, str | None]:
    return {each["id"]: each["name"] for each in built.outputs["bom"]["images"]}


def reject(monkeypatch: pytest.MonkeyPatch, ami: str, text: str) -> None:
    """Makes AWS reject the lookup of one image."""
    found = recording.FOUND[GET_AMI]

    def look_up(args: Mapping[str, Any]) -> dict[str, Any]:
        if args["filters"][0]["values"] == [ami]:
            raise Rejection(text)
        return found(args)

    monkeypatch.setattr(recording, "FOUND", {**recording.FOUND, GET_AMI: look_up})


def test_it_is_an_output_that_is_not_secret(built: Built) -> None:
    assert built.outputs["bomIsSecret"] is False
    assert set(built.outputs["bom"]) == {"program", "k3s", "images", "tools"}
    assert built.outputs["bom"]["program"]["name"] == "k3s-aws"


def test_every_image_is_listed_with_its_name_and_looked_up_once(built: Built) -> None:
    assert built.outputs["bom"]["images"] == [
        {
            "id": "ami-arm64",
            "name": "image of ami-arm64",
            "architecture": "arm64",
            "pools": ["servers", "agents"],
        },
        {
            "id": "ami-amd64",
            "name": "image of ami-amd64",
            "architecture": "x86_64",
            "pools": ["builders"],
        },
    ]
    asked = [args for token, args in built.looked_up if token == GET_AMI]
    assert asked == [
        {"filters": [{"name": "image-id", "values": [ami]}], "includeDeprecated": True}
        for ami in ("ami-arm64", "ami-amd64")
    ]


def test_a_machine_of_an_older_image_is_listed_with_that_image(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    older = {"k3s:index:MachineTemplate": with_older_image}
    monkeypatch.setattr(recording, "MADE", {**recording.MADE, **older})
    found = build(CONFIGURATION).outputs["bom"]["images"]
    assert [(each["id"], each["pools"]) for each in found] == [
        ("ami-arm64", ["servers", "agents"]),
        ("ami-older", ["agents"]),
        ("ami-amd64", ["builders"]),
    ]


def with_older_image(name: str) -> dict[str, Any]:
    return {"imageId": "ami-older"} if name == "demo-agents-1" else {}


def test_an_image_that_aws_no_longer_has_is_listed_without_a_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reject(monkeypatch, "ami-arm64", "Your query returned no results.")
    warned: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warned.append)
    built = build(CONFIGURATION)
    assert names(built) == {"ami-arm64": None, "ami-amd64": "image of ami-amd64"}
    assert built.outputs["apiEndpoint"]
    assert warned == []


def test_a_rejected_lookup_is_a_warning_and_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    reject(monkeypatch, "ami-amd64", "UnauthorizedOperation: ec2:DescribeImages")
    warned: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warned.append)
    assert names(build(CONFIGURATION)) == {"ami-arm64": "image of ami-arm64", "ami-amd64": None}
    (warning,) = warned
    assert warning.startswith("the image ami-amd64 has no name in the bom output: ")
    assert "UnauthorizedOperation" in warning


def test_the_tools_are_python_and_the_requirements_of_the_program(built: Built) -> None:
    found = built.outputs["bom"]["tools"]
    assert found == bom.tools()
    assert found.pop("python") == platform.python_version()
    assert found == {name: metadata.version(name) for name in found}
    assert {"pulumi", "pulumi-aws", "paramiko"} < set(found)


def test_a_package_that_is_not_installed_has_no_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    requirements = tmp_path / "requirements.in"
    requirements.write_text("no-such-package==1.0\n")
    monkeypatch.setattr(bom, "REQUIREMENTS", requirements)
    assert bom.tools()["no-such-package"] is None
