"""
Spot interruptions: EC2 announces that it takes an instance, and terminates it after that.

EC2 interrupts by itself, and on request through AWS Fault Injection Service alone (the action
aws:ec2:send-spot-instance-interruptions), which moto does not have.
"""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable
from typing import Any

from localcloud.errors import LocalCloudError

NOTICE_SECONDS = 120.0
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html
CODE = "Server.SpotInstanceTermination"


class Interruptions:
    """Of the instances of moto's backend; `on_end` is called when one was terminated."""

    def __init__(self, ec2: Callable[[], Any], on_end: Callable[[], None]) -> None:
        self._ec2, self._on_end = ec2, on_end

    def announce(self, instance_id: str, seconds: float) -> datetime.datetime:
        """
        Interrupts a running spot instance after so many seconds, its notice beginning now.

        Returns the moment. Raises LocalCloudError for any other instance.
        """
        found = [each for each in list(self._ec2().all_instances()) if each.id == instance_id]
        if not found or found[0].lifecycle != "spot" or found[0].state != "running":
            raise LocalCloudError(f"{instance_id} is not a running spot instance")
        end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
        found[0].interruption = end
        timer = threading.Timer(seconds, self._terminate, found)
        timer.daemon = True
        timer.start()
        return end

    def _terminate(self, instance: Any) -> None:
        if instance.state in ("pending", "running"):
            instance.terminate()
            instance.state_reason.code = CODE
            instance.state_reason.message = f"{CODE}: Spot Instance was terminated by EC2"
            self._on_end()
