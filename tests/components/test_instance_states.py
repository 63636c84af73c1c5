from __future__ import annotations

from typing import Any

import pulumi
import pytest

from tests.components import recording
from tests.components.recording import CONFIGURATION, MADE

INSTANCE = "aws:ec2/instance:Instance"


@pytest.mark.parametrize(
    ("state", "what_to_do"),
    [
        ("running", None),
        ("stopped", "start it with aws ec2 start-instances --instance-ids demo-agents-0-id"),
        ("shutting-down", "aws ec2 wait instance-terminated --instance-ids demo-agents-0-id"),
    ],
)
def test_an_instance_that_a_refresh_found_not_running_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, state: str, what_to_do: str | None
) -> None:
    logged: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, resource: logged.append(text))

    def made(name: str) -> dict[str, Any]:
        return {
            "instanceState": state if name == "demo-agents-0" else "running",
        }

    monkeypatch.setattr(recording, "MADE", {**MADE, INSTANCE: made})
    recording.build(CONFIGURATION)
    assert len(logged) == (what_to_do is not None)
    assert all(f"reports demo-agents-0-id as {state}: " in each for each in logged)
    assert all(what_to_do in each for each in logged if what_to_do)
