"""What AWS rejects for a moment is tried again, and nothing else."""

from __future__ import annotations

import asyncio

import pulumi
import pytest

from components import console, retries
from tests.components.recording import Built, finish

INSTANCE = "aws:ec2/instance:Instance"
PARAMETER = "aws:ssm/parameter:Parameter"
IN_USE = "api error InvalidNetworkInterface.InUse: Interface: [eni-1] in use."
TOO_MANY = "creating SSM Parameter (/a): TooManyUpdates: There are concurrent updates"


@pytest.mark.parametrize(
    ("kind", "error", "expected"),
    [
        (INSTANCE, IN_USE, 1.0),
        (INSTANCE, "InvalidNetworkInterfaceID.NotFound: eni-1", 1.0),
        ("aws:ec2/networkInterface:NetworkInterface", "Network interface is currently in use.", 1),
        (PARAMETER, TOO_MANY, 1.0),
        (PARAMETER, "ThrottlingException: Rate exceeded", 1.0),
        (PARAMETER, "AccessDeniedException: not authorized", None),
        (INSTANCE, "VcpuLimitExceeded", None),
        (INSTANCE, TOO_MANY, None),
        ("aws:ec2/eip:Eip", "InvalidNetworkInterfaceID.NotFound: eni-1", None),
    ],
)
def test_only_a_rejection_that_passes_is_tried_again(
    kind: str, error: str, expected: float | None
) -> None:
    assert retries.delay_seconds(kind, [error]) == expected


def test_the_newest_error_decides() -> None:
    assert retries.delay_seconds(INSTANCE, ["AuthFailure", IN_USE]) is None
    assert retries.delay_seconds(INSTANCE, [IN_USE, "AuthFailure"]) == 2.0


def test_the_delay_grows_to_its_limit_and_the_attempts_end() -> None:
    delays = [retries.delay_seconds(PARAMETER, [TOO_MANY] * count) for count in range(1, 61)]
    assert delays[:5] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert delays[-2:] == [5.0, None]


def test_the_hook_waits_and_asks_for_another_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)

    def ask(*errors: str) -> bool:
        args = pulumi.ErrorHookArgs("urn", "", "demo", INSTANCE, errors=list(errors))
        return finish(retries.retry(args))

    assert ask(IN_USE)
    assert not ask("UnauthorizedOperation")
    (seconds,) = waited
    assert 0.5 <= seconds <= 1.0


def test_every_resource_of_these_types_has_the_hook(built: Built) -> None:
    found = {each.name: each.hooked for each in built.resources if each.type in retries.RETRYABLE}
    assert found
    assert all(found.values())
    assert not any(
        each.hooked
        for each in built.resources
        if each.type not in (*retries.RETRYABLE, console.NODE)
    )
