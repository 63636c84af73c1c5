"""`python -m timeline`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.ci.conftest import FakePulumi, pulumi
from tests.timeline.reports import SERVER
from timeline import __main__ as command

__all__ = ["pulumi"]


def test_the_stacks_report_is_written_as_a_picture(pulumi: FakePulumi, tmp_path: Path) -> None:
    pulumi.have({"bootReport": {"a": SERVER}})
    assert command.main(["--stack", "dev", "--output", str(tmp_path / "boot.svg")]) == 0
    assert "dev-servers-1" in (tmp_path / "boot.svg").read_text()
    assert "--show-secrets" not in pulumi.words


def test_what_was_written_before_is_read_without_pulumi(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps({"schema": 1, "outputs": {"bootReport": {"a": SERVER}}}))
    assert command.main(["--outputs", str(file)]) == 0
    assert "dev-servers-1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[]", "is not what `python -m ci outputs` writes"),
        ("{", "is not what `python -m ci outputs` writes"),
        ('{"outputs": {}}', "there is no output bootReport"),
        ('{"outputs": {"bootReport": {"a": {}}}}', "the boot report cannot be read"),
    ],
)
def test_what_cannot_be_read_is_an_error(
    content: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(content)
    assert command.main(["--outputs", str(file)]) == 1
    assert expected in capsys.readouterr().err


def test_a_picture_that_cannot_be_written_is_an_error(
    pulumi: FakePulumi, capsys: pytest.CaptureFixture[str]
) -> None:
    pulumi.have({"bootReport": {"a": SERVER}})
    assert command.main(["--stack", "dev", "--output", "/proc/no/such"]) == 1
    assert "/proc/no/such cannot be written" in capsys.readouterr().err
