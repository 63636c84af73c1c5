"""The program ends where the engine is too old for it."""

from __future__ import annotations

from pathlib import Path

import pulumi
import pytest

from components import engine

PROJECT = Path(__file__).parents[2] / "Pulumi.yaml"


def test_an_engine_that_refuses_the_version_ends_the_program_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def refuse(required: str) -> None:
        asked.append(required)
        raise Exception("Pulumi CLI version 3.190.0 does not satisfy the version range")

    monkeypatch.setattr(pulumi, "require_pulumi_version", refuse)
    with pytest.raises(pulumi.RunError) as ended:
        engine.require_version(PROJECT)
    assert asked == [">=3.219.0"]
    assert "needs, >=3.219.0: Pulumi CLI version 3.190.0 does not satisfy" in str(ended.value)
    assert "install a newer one: https://" in str(ended.value)


def test_a_bug_keeps_its_own_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise AttributeError

    monkeypatch.setattr(pulumi, "require_pulumi_version", fail)
    with pytest.raises(AttributeError):
        engine.require_version(PROJECT)
