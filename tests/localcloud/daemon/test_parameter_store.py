"""Parameter Store in the local cloud refuses what AWS refuses; calls are recorded."""

from __future__ import annotations

import json
import urllib.request

import pytest
from botocore.exceptions import ClientError

from localcloud.aws_api.parameter_store import BURST, Rate
from localcloud.aws_api.server import STATUS_PATH
from tests.localcloud.daemon.local_cloud import LocalCloud


def test_a_value_that_is_written_again_without_a_key_is_under_the_accounts_own(
    cloud: LocalCloud,
) -> None:
    """https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html"""
    ssm = cloud.client("ssm")

    def key() -> str:
        described = ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": ["/a"]}])
        return str(described["Parameters"][0]["KeyId"])

    ssm.put_parameter(Name="/a", Value="one", Type="SecureString", KeyId="alias/own")
    assert key() == "alias/own"
    ssm.put_parameter(Name="/a", Value="two", Type="SecureString", Overwrite=True)
    assert key() == "alias/aws/ssm"


def test_a_value_that_names_another_parameter_is_refused(cloud: LocalCloud) -> None:
    """https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html"""
    ssm = cloud.client("ssm")
    for value in ("{{ssm:/a}}", '{"r.example.com": {"password": "a{{b"}}'):
        with pytest.raises(ClientError) as refused:
            ssm.put_parameter(Name="/a", Value=value, Type="SecureString")
        assert refused.value.response["Error"]["Code"] == "ValidationException"
    ssm.put_parameter(Name="/a", Value='{"r.example.com": {"password": "a{b"}}', Type="String")


def test_the_calls_of_an_operator_are_recorded(cloud: LocalCloud) -> None:
    cloud.client("ssm").put_parameter(Name="/a", Value="one", Type="SecureString")
    cloud.ec2.describe_vpcs()
    with urllib.request.urlopen(cloud.endpoint + STATUS_PATH) as response:  # noqa: S310
        calls = json.load(response)["calls"]
    assert {"ssm:PutParameter", "ec2:DescribeVpcs"} <= set(calls)


def test_too_many_values_at_once_are_refused(cloud: LocalCloud) -> None:
    ssm = cloud.client("ssm")

    def write(count: int) -> None:
        for number in range(count):
            ssm.put_parameter(Name=f"/{number}", Value="x", Type="SecureString")

    with pytest.raises(ClientError) as refused:
        write(BURST + 5)
    assert refused.value.response["Error"]["Code"] == "TooManyUpdates"


def test_a_rate_lets_a_burst_pass_and_then_so_many_a_second() -> None:
    now = 0.0
    rate = Rate(2, 3.0, lambda: now)
    assert [rate.passes() for _ in range(3)] == [True, True, False]
    now = 0.34
    assert [rate.passes() for _ in range(2)] == [True, False]
    now = 60.0
    assert [rate.passes() for _ in range(3)] == [True, True, False]
