"""When the cluster of a stack ends, by its state."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ci import __main__ as command
from tests.ci.conftest import FakePulumi

ENDS = "2026-11-29T22:00:00Z"


def expiry(ends: str = ENDS) -> dict[str, Any]:
    return {"type": "k3s:index:Expiry", "outputs": {"beganAt": ENDS, "expiresAt": ends}}


@pytest.mark.parametrize(
    ("resources", "printed"),
    [
        # As an update that was killed leaves it: no output, and the resource in the state.
        ([{"type": "pulumi:pulumi:Stack"}, expiry()], f"{ENDS}\n"),
        ([expiry(), expiry("2026-11-28T22:00:00Z")], "2026-11-28T22:00:00Z\n"),
        ([{"type": "pulumi:pulumi:Stack", "outputs": {}}], ""),
        (None, ""),
    ],
)
def test_the_end_is_that_of_the_resource_in_the_state(
    pulumi: FakePulumi,
    capfd: pytest.CaptureFixture[str],
    resources: list[dict[str, Any]] | None,
    printed: str,
) -> None:
    # A stack that was never updated has no resources there.
    deployment: dict[str, Any] = {} if resources is None else {"resources": resources}
    (pulumi.folder / "state.json").write_text(json.dumps({"version": 3, "deployment": deployment}))
    assert command.main(["expiry", "--stack", "dev"]) == 0
    assert capfd.readouterr().out == printed


def test_a_stack_that_does_not_exist_has_no_end(
    pulumi: FakePulumi, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["expiry", "--stack", "pr-12"]) == 0
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"deployment": null}'])
def test_anything_but_a_state_is_an_error(
    pulumi: FakePulumi, capfd: pytest.CaptureFixture[str], text: str
) -> None:
    (pulumi.folder / "state.json").write_text(text)
    assert command.main(["expiry", "--stack", "dev"]) == 1
    assert "something else than a state" in capfd.readouterr().err
