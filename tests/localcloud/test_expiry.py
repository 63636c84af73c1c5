"""A cluster that ends by itself, and what is left of it removed without its state."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from recovery import reap
from recovery.expired import Expired, Scope
from tests.golden import rendering
from tests.localcloud import inventory, vpc_ranges, waiting
from tests.localcloud.running_cluster import Machine, machines_of
from tests.localcloud.stacks import Stack, Stacks, local_cloud

pytestmark = pytest.mark.localcloud

UP = ("up", "--yes", "--skip-preview")
UNITS = "/etc/systemd/system/k3s-aws-expiry"
EXPIRES = "k3s-aws:expires"
EXPIRY = "k3s:index:Expiry"
until = partial(waiting.until, deadline_seconds=180.0)


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with local_cloud(tmp_path_factory.mktemp("expiry")) as made:
        yield made


def test_a_cluster_ends_by_itself_and_is_removed_without_its_state(stacks: Stacks) -> None:
    cluster = dict(rendering.configuration("pull-request"))
    cluster["network"] = {**cluster["network"], "vpcCidr": vpc_ranges.take()}
    stack = stacks.create("expiry", {**cluster, "nodeDeadlineSeconds": 150})
    before = inventory.take(stack)
    stack.pulumi(*UP)
    first = _everything_has_the_time(stack, before)
    _a_longer_ttl_reaches_what_runs(stack, before, first)
    _machines_that_reach_the_time_terminate(stack)
    _what_is_left_is_removed_by_its_tags(stack, before)
    _the_state_can_be_destroyed_then(stack)
    _another_cluster_has_its_own_time_and_is_destroyed_without_machines(stack, first, before)


def _everything_has_the_time(stack: Stack, before: dict[str, inventory.Tags]) -> str:
    ends = stack.pulumi("stack", "output", "expiresAt").strip()
    _all_have(stack, before, ends)
    stack.pulumi(*UP, "--expect-no-changes")
    for machine in machines_of(stack):
        _is_armed(machine, ends)
    return ends


def _all_have(stack: Stack, before: dict[str, inventory.Tags], ends: str) -> None:
    created = {key: each for key, each in inventory.take(stack).items() if key not in before}
    assert len(created) > 30
    (vpc,) = (key for key in created if key.startswith("vpc-"))
    bare = {key for key, each in created.items() if each.get(EXPIRES) != ends}
    assert bare - _made_by_ec2(stack, vpc) == set()


def _made_by_ec2(stack: Stack, vpc: str) -> set[str]:
    """What comes with a VPC and goes with it: the default group with its rule, the main table."""
    ec2, of_vpc = stack.client("ec2"), [{"Name": "vpc-id", "Values": [vpc]}]
    groups = ec2.describe_security_groups(Filters=of_vpc)["SecurityGroups"]
    (default,) = (each["GroupId"] for each in groups if each["GroupName"] == "default")
    tables = ec2.describe_route_tables(Filters=of_vpc)["RouteTables"]
    main = (each for each in tables if any(one.get("Main") for one in each["Associations"]))
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [default]}])
    ids = (each["SecurityGroupRuleId"] for each in rules["SecurityGroupRules"])
    return {default, *ids, *(each["RouteTableId"] for each in main)}


def _is_armed(machine: Machine, ends: str) -> None:
    timer = machine.run("systemctl", "show", "-p", "NextElapseUSecRealtime", "k3s-aws-expiry.timer")
    assert ends[:10] in timer, timer
    assert ends[11:19] in timer, timer
    # The next start of the machine arms it again.
    assert machine.run("systemctl", "is-enabled", "k3s-aws-expiry.timer").strip() == "enabled"


def _a_longer_ttl_reaches_what_runs(
    stack: Stack, before: dict[str, inventory.Tags], first: str
) -> None:
    process = ("systemctl", "show", "--value", "-p", "MainPID", "k3s")
    running = machines_of(stack)[0].run(*process)
    stack.configure(ttl="8h")
    stack.pulumi(*UP)
    ends = stack.pulumi("stack", "output", "expiresAt").strip()
    assert ends > first
    _all_have(stack, before, ends)
    for machine in machines_of(stack):
        _is_armed(machine, ends)
    assert machines_of(stack)[0].run(*process) == running


def _machines_that_reach_the_time_terminate(stack: Stack) -> None:
    """By their own units, with a time in a few seconds in place of that in hours."""
    for machine in machines_of(stack):
        machine.run(
            "sh",
            "-c",
            "at=$(date -ud '+4 seconds' +%FT%TZ) && day=$(date -ud $at '+%F %T') && "
            f'sed -i "s/-d[0-9TZ:-]*/-d$at/" {UNITS}.service && '
            f'sed -i "s/^OnCalendar=.*/OnCalendar=$day UTC\\nAccuracySec=1s/" {UNITS}.timer && '
            "systemctl daemon-reload && systemctl restart k3s-aws-expiry.timer",
        )
    ec2 = stack.client("ec2")

    def states() -> set[str]:
        return {
            each["State"]["Name"]
            for reservation in ec2.describe_instances()["Reservations"]
            for each in reservation["Instances"]
        }

    until(lambda: states() == {"terminated"}, lambda: f"the instances are {states()}")


def _what_is_left_is_removed_by_its_tags(stack: Stack, before: dict[str, inventory.Tags]) -> None:
    neighbours = _make_neighbours(stack)
    ends = datetime.fromisoformat(stack.pulumi("stack", "output", "expiresAt").strip())
    left = inventory.take(stack)
    assert _reaped(stack, ends - timedelta(seconds=1), remove=True) == []
    found = _reaped(stack, ends, remove=False)
    assert {each.owner.stack for each in found} == {stack.name}
    assert inventory.take(stack) == left
    assert _reaped(stack, ends, remove=True) == []
    assert inventory.take(stack).keys() == before.keys() | neighbours
    assert _reaped(stack, ends, remove=True) == []
    assert _remove_neighbours(stack, neighbours) == before.keys()


def _reaped(stack: Stack, now: datetime, *, remove: bool) -> list[Expired]:
    """By the account alone: nothing of the stack's state is given."""
    scope = Scope(account="123456789012", region="us-east-1", now=now)
    wanted = reap.Wanted(remove=remove)
    return reap.within(stack.client, scope, wanted, print, time)


def _make_neighbours(stack: Stack) -> set[str]:
    """Resources of a cluster without an end, and of one with a time that is none."""
    ec2, made = stack.client("ec2"), set[str]()
    whose = {"k3s-aws:cluster": "other", "k3s-aws:stack": stack.name}
    for more in ({}, {EXPIRES: "soon"}, {EXPIRES: "2999-01-01T00:00:00Z"}):
        tags = [{"Key": key, "Value": value} for key, value in {**whose, **more}.items()]
        volume = ec2.create_volume(
            AvailabilityZone="us-east-1a",
            Size=1,
            TagSpecifications=[{"ResourceType": "volume", "Tags": tags}],
        )
        made.add(volume["VolumeId"])
    return made


def _remove_neighbours(stack: Stack, volumes: set[str]) -> set[str]:
    for each in volumes:
        stack.client("ec2").delete_volume(VolumeId=each)
    return set(inventory.take(stack))


def _the_state_can_be_destroyed_then(stack: Stack) -> None:
    _the_time_in_the_state_is_over(stack)
    assert "remove the rest with pulumi destroy" in stack.pulumi("preview", fails=True)
    stack.pulumi("refresh", "--yes", "--skip-preview")
    kinds = {each["type"] for each in _resources(stack)}
    assert EXPIRY in kinds
    assert not [each for each in kinds if each.startswith("aws:")]
    # As ci/jobs/destroy.sh does.
    stack.pulumi("destroy", "--refresh", "--yes", "--skip-preview")
    assert _resources(stack) == []


def _the_time_in_the_state_is_over(stack: Stack) -> None:
    """It is hours ahead there: the machines ended by a time that the test brought to them."""
    state = json.loads(stack.pulumi("stack", "export"))
    (mine,) = (each for each in state["deployment"]["resources"] if each["type"] == EXPIRY)
    mine["outputs"]["expiresAt"] = "2020-01-01T00:00:00Z"
    file = stack.folder / "over.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(state))
    stack.pulumi("stack", "import", "--file", str(file))


def _another_cluster_has_its_own_time_and_is_destroyed_without_machines(
    stack: Stack, first: str, before: dict[str, inventory.Tags]
) -> None:
    stack.configure(ttl="4h")
    stack.pulumi(*UP)
    assert stack.pulumi("stack", "output", "expiresAt").strip() > first
    for node in stack.nodes():
        stack.terminate(node["instanceId"])
    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert inventory.take(stack).keys() == before.keys()


def _resources(stack: Stack) -> list[dict[str, Any]]:
    deployment = json.loads(stack.pulumi("stack", "export"))["deployment"]
    found = deployment.get("resources") or []
    return [each for each in found if not each["type"].startswith("pulumi:")]
