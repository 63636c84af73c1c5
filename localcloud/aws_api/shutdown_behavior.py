"""
What becomes of an instance whose operating system shuts down: it stops, or it terminates.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_ChangingInstanceInitiatedShutdownBehavior.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

BEHAVIORS = ("stop", "terminate")
GIVEN = "InstanceInitiatedShutdownBehavior"
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html
CODE = "Client.InstanceInitiatedShutdown"


def install() -> None:
    """Makes moto change the attribute, which it only has at the start of an instance."""
    from moto.ec2.responses.instances import InstanceResponse

    InstanceResponse.modify_instance_attribute = _modifying(
        InstanceResponse.modify_instance_attribute
    )


def end(instance: Any) -> None:
    """Stops or terminates an instance of moto whose operating system has shut down."""
    (instance.terminate if is_terminated(instance) else instance.stop)()
    instance.state_reason.code = CODE
    instance.state_reason.message = f"{CODE}: Instance initiated shutdown"


def is_terminated(instance: Any) -> bool:
    """A spot instance of a one-time request cannot be stopped."""
    behavior = instance.instance_initiated_shutdown_behavior
    return bool(instance.lifecycle == "spot" or behavior == "terminate")


def violation(arguments: Mapping[str, list[str]], *, spot: bool) -> tuple[str, str] | None:
    """
    Why EC2 refuses the attribute of a call, if it has one; with EC2's code.

    Of changes of spot instances EC2's documentation has nothing; refused as those of another
    attribute are: https://github.com/cloud-custodian/cloud-custodian/issues/2083
    """
    if spot and f"{GIVEN}.Value" in arguments:
        message = f"Modifying '{GIVEN[0].lower()}{GIVEN[1:]}' is not supported for spot instances."
        return "UnsupportedOperation", message
    for name in (GIVEN, f"{GIVEN}.Value"):
        for value in arguments.get(name, ()):
            if value not in BEHAVIORS:
                message = f"Value ({value}) for parameter {GIVEN} is invalid."
                return "InvalidParameterValue", message
            if spot and value == "stop":
                message = f"{GIVEN}=stop is not supported for spot instances."
                return "InvalidParameterCombination", message
    return None


def _modifying(other: Callable[[Any], Any]) -> Callable[[Any], Any]:
    from moto.core.responses import EmptyResult

    @wraps(other)
    def modify(response: Any) -> Any:
        value = response._get_param(f"{GIVEN}.Value")
        if value is None:
            return other(response)
        response.error_on_dryrun()
        instance = response.ec2_backend.get_instance(response._get_param("InstanceId"))
        instance.instance_initiated_shutdown_behavior = value
        return EmptyResult()

    return modify
