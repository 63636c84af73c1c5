"""Spot interruptions: the notice in the metadata service, then the end of the instance."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from localcloud import __main__ as command_line
from localcloud.errors import LocalCloudError
from localcloud.lifecycle import Cloud
from tests.localcloud.daemon.local_cloud import LocalCloud

pytestmark = pytest.mark.usefixtures("found")
SPOT = {"MarketType": "spot"}
ACTION = "/latest/meta-data/spot/instance-action"


@pytest.fixture
def found(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon of this process, which no `start` began."""
    monkeypatch.setattr(Cloud, "endpoint", lambda _: {"endpoint": cloud.endpoint})


def status(cloud: LocalCloud, instance_id: str) -> int:
    return cloud.request(instance_id, "GET", ACTION)[0]


def test_a_notice_is_there_before_the_instance_ends(cloud: LocalCloud) -> None:
    instance_id = cloud.running_instance(InstanceMarketOptions=SPOT)
    assert cloud.metadata(instance_id, "/latest/meta-data/instance-life-cycle") == "spot"
    assert status(cloud, instance_id) == 404
    announced = datetime.now(UTC)
    end = Cloud(cloud.home).interrupt(instance_id, 3600)["time"]
    found = json.loads(cloud.metadata(instance_id, ACTION))
    assert found == {"action": "terminate", "time": end.replace("+00:00", "Z")}
    assert abs(datetime.fromisoformat(end) - announced - timedelta(hours=1)).seconds < 10
    time = cloud.metadata(instance_id, "/latest/meta-data/spot/termination-time")
    assert time == found["time"]
    assert cloud.state(instance_id) == "running"


def test_an_interrupted_instance_ends_for_a_reason_of_its_own(
    cloud: LocalCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    instance_id = cloud.running_instance(InstanceMarketOptions=SPOT)
    words = ["--home", str(cloud.home), "interrupt", instance_id, "--seconds", "0.1"]
    assert command_line.main(words) == 0
    assert capsys.readouterr().out.startswith("20")
    cloud.becomes(instance_id, "terminated")
    reason = cloud.instance(instance_id)["StateReason"]
    assert reason["Code"] == "Server.SpotInstanceTermination"
    # Its programs could end in order.
    assert cloud.machines.calls_for(instance_id)[-2:] == ["stop", "remove"]


def test_an_instance_that_ended_meanwhile_keeps_its_reason(cloud: LocalCloud) -> None:
    instance_id = cloud.running_instance(InstanceMarketOptions=SPOT)
    Cloud(cloud.home).interrupt(instance_id, 0.3)
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    other = cloud.running_instance(InstanceMarketOptions=SPOT)
    Cloud(cloud.home).interrupt(other, 0.3)
    cloud.becomes(other, "terminated")
    reason = cloud.instance(instance_id)["StateReason"]
    assert reason["Code"] == "Client.UserInitiatedShutdown"


def test_only_a_running_spot_instance_can_be_interrupted(cloud: LocalCloud) -> None:
    on_demand = cloud.running_instance()
    assert cloud.metadata(on_demand, "/latest/meta-data/instance-life-cycle") == "on-demand"
    for instance_id in (on_demand, "i-0123456789abcdef0"):
        with pytest.raises(LocalCloudError, match=f"{instance_id} is not a running spot instance"):
            Cloud(cloud.home).interrupt(instance_id, 1)
