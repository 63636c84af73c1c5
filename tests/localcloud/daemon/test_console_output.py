"""GetConsoleOutput returns what the machine wrote to its console."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from localcloud.aws_api.console_output import LONGEST_BYTES
from tests.localcloud.daemon.local_cloud import LocalCloud


def test_the_output_is_that_of_the_machine(cloud: LocalCloud) -> None:
    instance_id = cloud.running_instance()
    cloud.machines.consoles[instance_id] = b"k3s-aws    1.20 failed: no secrets\r\n\xff"
    found = cloud.ec2.get_console_output(InstanceId=instance_id, Latest=True)
    assert found["InstanceId"] == instance_id
    assert found["Output"] == "k3s-aws    1.20 failed: no secrets\r\n"


def test_only_the_end_of_a_long_output_is_returned(cloud: LocalCloud) -> None:
    instance_id = cloud.running_instance()
    cloud.machines.consoles[instance_id] = b"begin" + b"x" * LONGEST_BYTES
    assert cloud.ec2.get_console_output(InstanceId=instance_id)["Output"] == "x" * LONGEST_BYTES


def test_an_instance_that_does_not_exist_has_none(cloud: LocalCloud) -> None:
    with pytest.raises(ClientError, match=r"InvalidInstanceID\.NotFound"):
        cloud.ec2.get_console_output(InstanceId="i-0123456789abcdef0")
