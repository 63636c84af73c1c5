"""GetConsoleOutput: what a machine wrote to its console."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html
LONGEST_BYTES = 64 * 1024


def install(read: Callable[[str], bytes]) -> None:
    """Makes moto return the last of what `read` has of an instance, in place of a fixed text."""
    from moto.core.responses import ActionResult
    from moto.core.utils import utcnow
    from moto.ec2.responses.general import General
    from moto.ec2.utils import Base64EncodedString

    def get_console_output(response: Any) -> ActionResult:
        instance_id = response.ec2_backend.get_instance(response._get_param("InstanceId")).id
        text = read(instance_id)[-LONGEST_BYTES:].decode(errors="ignore")
        output = Base64EncodedString.from_raw_string(text)
        return ActionResult({"InstanceId": instance_id, "Timestamp": utcnow(), "Output": output})

    General.get_console_output = get_console_output
