"""What to do about an instance that does not run."""

from __future__ import annotations

import pulumi

RUNNING = "running"
_START = "start it with aws ec2 start-instances --instance-ids {}, then run pulumi up again"
_WAYS = {
    "pending": "run pulumi up again in a moment",
    "stopping": f"once it has stopped, {_START}",
    "stopped": _START,
    "shutting-down": "once it has ended (aws ec2 wait instance-terminated --instance-ids {}), "
    "pulumi up --refresh replaces it",
    "terminated": "pulumi up --refresh replaces it",
}


def what_to_do(instance_id: str, state: str) -> str:
    """One line about an instance in a state other than running."""
    return f"EC2 reports {instance_id} as {state}: {_WAYS[state].format(instance_id)}"


def warn(instance_id: str, state: str | None, resource: pulumi.Resource) -> None:
    """
    Warns of an instance that the last refresh did not find running.

    Pulumi shows no difference then: an instance that is stopped or shutting down is still there,
    and its state is an output.
    """
    if state not in (None, RUNNING):
        pulumi.log.warn(what_to_do(instance_id, str(state)), resource)
