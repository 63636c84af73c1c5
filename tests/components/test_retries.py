"""What AWS rejects for a moment is tried again, and nothing else."""

from __future__ import annotations

import asyncio

import pulumi
import pytest

from components import console, retries
from tests.components.recording import Built, finish

INSTANCE = "aws:ec2/instance:Instance"
INTERFACE = "aws:ec2/networkInterface:NetworkInterface"
PARAMETER = "aws:ssm/parameter:Parameter"
ATTACHMENT = "aws:ec2/volumeAttachment:VolumeAttachment"
STATUS = "https response error StatusCode: 400, RequestID: 1"
RUN = f"creating EC2 Instance: operation error EC2: RunInstances, {STATUS}, api error"
PUT = f"creating SSM Parameter (/a): operation error SSM: PutParameter, {STATUS},"
ATTACH = f"attaching EBS Volume (vol-1): operation error EC2: AttachVolume, {STATUS}, api error"
IN_USE = f"{RUN} InvalidNetworkInterface.InUse: Interface: [eni-1] in use."
TOO_MANY = f"{PUT} TooManyUpdates: There are concurrent updates"
HELD = "operation error EC2: DeleteNetworkInterface, api error InvalidParameterValue: Network "


@pytest.mark.parametrize(
    ("kind", "operation", "error", "expected"),
    [
        (INSTANCE, "create", IN_USE, 1.0),
        (INSTANCE, "create", f"{RUN} InvalidNetworkInterfaceID.NotFound: eni-1", 1.0),
        (INTERFACE, "delete", f"{HELD}interface 'eni-1' is currently in use.", 1.0),
        (INTERFACE, "delete", "api error InvalidNetworkInterface.InUse: eni-1", 1.0),
        (PARAMETER, "create", TOO_MANY, 1.0),
        (PARAMETER, "update", "operation error SSM: AddTagsToResource, TooManyUpdates: a", 1.0),
        (PARAMETER, "delete", "operation error SSM: DeleteParameter, TooManyUpdates: a", 1.0),
        (ATTACHMENT, "create", f"{ATTACH} VolumeInUse: vol-1 is already attached", 1.0),
        (ATTACHMENT, "create", f"{ATTACH} AttachmentLimitExceeded: full", None),
        (PARAMETER, "create", f"{PUT} AccessDeniedException: not authorized", None),
        (INSTANCE, "create", f"{RUN} VcpuLimitExceeded", None),
        (INSTANCE, "create", f"{RUN} TooManyUpdates", None),
        ("aws:ec2/eip:Eip", "create", "InvalidNetworkInterfaceID.NotFound: eni-1", None),
    ],
)
def test_only_a_rejection_that_passes_is_tried_again(
    kind: str, operation: str, error: str, expected: float | None
) -> None:
    assert retries.delay_seconds(kind, operation, [error]) == expected


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (
            INSTANCE,
            "reading EC2 Instance (i-1): operation error EC2: DescribeNetworkInterfaces, api error "
            "InvalidNetworkInterfaceID.NotFound: eni-1",
        ),
        (
            INSTANCE,
            "modifying EC2 Instance (i-1): operation error EC2: ModifyInstanceAttribute, api error "
            "InvalidNetworkInterface.InUse: eni-1",
        ),
        (PARAMETER, "operation error SSM: AddTagsToResource, TooManyUpdates: a"),
        (INTERFACE, "operation error EC2: AttachNetworkInterface, InvalidNetworkInterface.InUse"),
    ],
)
def test_a_creation_is_not_repeated_once_aws_has_created_something(kind: str, error: str) -> None:
    assert retries.delay_seconds(kind, "create", [error]) is None


def test_what_the_provider_has_repeated_itself_is_not_repeated_for_hours() -> None:
    error = (
        "operation error SSM: PutParameter, exceeded maximum number of attempts, 25, "
        "ThrottlingException: Rate exceeded"
    )
    assert retries.delay_seconds(PARAMETER, "create", [error]) is None


def test_the_newest_error_decides() -> None:
    assert retries.delay_seconds(INSTANCE, "create", [f"{RUN} AuthFailure", IN_USE]) is None
    assert retries.delay_seconds(INSTANCE, "create", [IN_USE, f"{RUN} AuthFailure"]) == 2.0


def test_the_delay_grows_to_its_limit_and_the_attempts_end() -> None:
    delays = [
        retries.delay_seconds(PARAMETER, "create", [TOO_MANY] * count) for count in range(1, 61)
    ]
    assert delays[:5] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert delays[-2:] == [5.0, None]


def test_the_hook_waits_and_asks_for_another_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)

    def ask(*errors: str) -> bool:
        args = pulumi.ErrorHookArgs(
            "urn", "", "demo", INSTANCE, failed_operation="create", errors=list(errors)
        )
        return finish(retries.retry(args))

    assert ask(IN_USE)
    assert not ask(f"{RUN} UnauthorizedOperation")
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
