"""
Repeats what AWS rejects for a moment and the `aws` provider does not repeat itself.

A call that is repeated has created nothing: its error is that of the call that creates, and not of
one after it, with which the provider reads or waits for what it has created. What the provider
repeats itself, such as a call that is throttled, is not repeated here again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence

import pulumi

# Without hooks on errors in the engine, an unknown interface, one that its terminated instance
# still holds, or a full second at Parameter Store ended the update.
RETRYABLE: Mapping[str, Sequence[str]] = {
    "aws:ec2/instance:Instance": (
        "InvalidNetworkInterface.InUse",
        "InvalidNetworkInterfaceID.NotFound",
    ),
    "aws:ec2/networkInterface:NetworkInterface": (
        "is currently in use",
        "InvalidNetworkInterface.InUse",
    ),
    "aws:ssm/parameter:Parameter": ("TooManyUpdates",),
    # The instance that had it is still on its way to being terminated.
    "aws:ec2/volumeAttachment:VolumeAttachment": ("VolumeInUse", "IncorrectState"),
}
"""What AWS rejects only for a moment, by the type of the resource: parts of its messages."""

CREATES: Mapping[str, str] = {
    "aws:ec2/instance:Instance": "RunInstances",
    "aws:ec2/networkInterface:NetworkInterface": "CreateNetworkInterface",
    "aws:ssm/parameter:Parameter": "PutParameter",
    "aws:ec2/volumeAttachment:VolumeAttachment": "AttachVolume",
}
"""The call that creates the resource, as the SDK of the provider names it in its errors."""

ATTEMPTS = 60
LONGEST_DELAY_SECONDS = 5.0


def delay_seconds(resource_type: str, operation: str, errors: Sequence[str]) -> float | None:
    """
    How long to wait before the next attempt; None where there is to be none.

    `operation` is the engine's: create, update or delete, of which the last two may be repeated
    whole. `errors` are those of all attempts so far, the newest first.
    """
    if not errors or len(errors) >= ATTEMPTS:
        return None
    # After another call the resource exists. The engine would record the second one alone, or
    # neither where its name is taken by the first.
    if operation == "create" and CREATES.get(resource_type, "") not in errors[0]:
        return None
    if not any(each in errors[0] for each in RETRYABLE.get(resource_type, ())):
        return None
    return min(2.0 ** (len(errors) - 1), LONGEST_DELAY_SECONDS)


async def retry(args: pulumi.ErrorHookArgs) -> bool:
    """Whether the engine is to try the operation again, after a delay. A hook on errors."""
    delay = delay_seconds(args.type, args.failed_operation, args.errors)
    if delay is None:
        return False
    # What was rejected together should not come together again.
    await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - nothing secret
    return True


def hooks(name: str) -> Mapping[str, pulumi.ErrorHook]:
    """The hook of each of these types in one cluster; `name` is the cluster's."""
    return dict.fromkeys(RETRYABLE, pulumi.ErrorHook(f"{name}-retry", retry))
