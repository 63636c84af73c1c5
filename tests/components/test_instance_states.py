from __future__ import annotations

from typing import Any

import pulumi
import pytest

from tests.components import recording
from tests.components.recording import CONFIGURATION, MADE

INSTANCE = "aws:ec2/instance:Instance"


def test_an_instance_that_a_refresh_found_not_running_is_warned_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logged: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, resource: logged.append(text))
    states = {"demo-agents-0": "stopped", "demo-builders-0": "shutting-down"}

    def made(name: str) -> dict[str, Any]:
        return {"instanceState": states.get(name, "running")}

    monkeypatch.setattr(recording, "MADE", {**MADE, INSTANCE: made})
    recording.build(CONFIGURATION)
    # The server and the other agent run.
    stopped, ended = sorted(logged, key=lambda text: "builders" in text)
    assert "reports demo-agents-0-id as stopped: " in stopped
    assert "start it with aws ec2 start-instances --instance-ids demo-agents-0-id" in stopped
    assert "reports demo-builders-0-id as shutting-down: " in ended
    assert "aws ec2 wait instance-terminated --instance-ids demo-builders-0-id" in ended
