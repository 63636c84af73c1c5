"""The stack's outputs as JSON for pipelines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ci import __main__ as command
from tests.ci.conftest import PLAIN, Stack


def test_what_is_printed_are_the_declared_outputs_that_are_not_secret(
    stack: Stack, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["outputs"]) == 0
    assert json.loads(capfd.readouterr().out) == {
        "schema": 1,
        "stack": "dev",
        "identities": ["deployer", "viewer"],
        "adminKubeconfig": True,
        "outputs": PLAIN,
    }


def test_no_secret_is_decrypted_for_it(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    assert command.main(["outputs"]) == 0
    assert "--show-secrets" not in stack.pulumi.words


def test_a_file_has_what_is_printed(
    stack: Stack, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "outputs.json"
    assert command.main(["outputs", "--stack", "dev", "--output", str(file)]) == 0
    assert capfd.readouterr().out == ""
    command.main(["outputs"])
    assert file.read_text() == capfd.readouterr().out


def test_a_file_that_cannot_be_written_is_an_error(
    stack: Stack, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["outputs", "--output", "/proc/no/such"]) == 1
    assert "/proc/no/such cannot be written" in capfd.readouterr().err
