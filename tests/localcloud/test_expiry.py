"""A cluster that ends by itself, and what is left of it removed without its state."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
import yaml

from tests.localcloud import inventory, waiting
from tests.localcloud.running_cluster import Machine, machines_of
from tests.localcloud.stacks import CLUSTER, Stack, Stacks, local_cloud

pytestmark = pytest.mark.localcloud

UP = ("up", "--yes", "--skip-preview")
UNITS = "/etc/systemd/system/k3s-aws-expiry"
EXPIRES = "k3s-aws:expires"
until = partial(waiting.until, deadline_seconds=180.0)


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with local_cloud(tmp_path_factory.mktemp("expiry")) as made:
        yield made


def test_a_cluster_ends_by_itself_and_is_removed_without_its_state(stacks: Stacks) -> None:
    stack = stacks.create("expiry")
    cluster = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]
    stack.configure(
        network={**cluster["network"], "vpcCidr": "10.71.0.0/16"},
        pools=[{**cluster["pools"][0], "count": 1}],
        ttl="4h",
        nodeDeadlineSeconds=150,
    )
    before = inventory.take(stack)
    stack.pulumi(*UP)
    first = _everything_has_the_time(stack, before)
    _a_longer_ttl_reaches_what_runs(stack, before, first)
    _machines_that_reach_the_time_terminate(stack)


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
    # What EC2 creates with a VPC.
    ec2 = stack.client("ec2")
    (vpc,) = (key for key in created if key.startswith("vpc-"))
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    by_ec2 = {
        *(
            each["GroupId"]
            for each in ec2.describe_security_groups(Filters=of_vpc)["SecurityGroups"]
            if each["GroupName"] == "default"
        ),
        *(
            each["RouteTableId"]
            for each in ec2.describe_route_tables(Filters=of_vpc)["RouteTables"]
            if any(one.get("Main") for one in each["Associations"])
        ),
    }
    bare = {key: each for key, each in created.items() if each.get(EXPIRES) != ends}
    assert bare.keys() - by_ec2 == set()


def _is_armed(machine: Machine, ends: str) -> None:
    shown = machine.run("systemctl", "show", "-p", "NextElapseUSecRealtime", "k3s-aws-expiry.timer")
    assert ends[:10] in shown, shown
    assert ends[11:19] in shown, shown


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
    """The units of the machine itself, with a time in a few seconds; a restart in between."""
    for machine in machines_of(stack):
        machine.run(
            "sh",
            "-c",
            "at=$(date -ud '+4 seconds' +%FT%TZ) && day=$(date -ud $at '+%F %T') && "
            f'sed -i "s/-d[0-9TZ:-]*/-d$at/" {UNITS}.service && '
            f'sed -i "s/^OnCalendar=.*/OnCalendar=$day UTC/" {UNITS}.timer && '
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
