"""dev, staging and prod of one base, and a stack whose resources somebody removed by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from cost import estimate, prices
from localcloud.workbench import stack_file
from tests.golden import rendering
from tests.localcloud import damage, vpc_ranges
from tests.localcloud.stacks import CLUSTER, Stack, Stacks, local_cloud

pytestmark = pytest.mark.localcloud

HERE = "127.0.0.0/8"
UP = ("up", "--yes", "--skip-preview")
INSTANCE = "$aws:ec2/instance:Instance::"
MACHINES = {"dev": 2, "staging": 3, "prod": 6}


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with local_cloud(tmp_path_factory.mktemp("environments")) as made:
        yield made


def environment(stacks: Stacks, name: str) -> Stack:
    """The stack of an example as it is written, over its base, in the local cloud's region."""
    stack = stacks.create(name)
    written = yaml.safe_load(rendering.FILES[name].read_text())["config"]
    content = yaml.safe_load(stack.config_file.read_text())
    cluster = {**written[CLUSTER], "k3s": content["config"][CLUSTER]["k3s"]}
    if zones := cluster["network"].get("availabilityZones"):
        cluster["network"]["availabilityZones"] = [
            each.replace("eu-central-1", "us-east-1") for each in zones
        ]
    base = {"k3s-aws:base": written["k3s-aws:base"], CLUSTER: cluster}
    content["config"] |= base
    stack_file.write(stack.config_file, content)
    return stack


def test_one_configuration_is_previewed_for_dev_staging_and_prod(stacks: Stacks) -> None:
    for name, number in MACHINES.items():
        stack = environment(stacks, name)
        output = stack.pulumi("preview", "--json")
        steps = json.loads(output[output.index("{") :])["steps"]
        assert len([each for each in steps if INSTANCE in each["urn"]]) == number
        _ends_with_what_it_costs(stack)


def _ends_with_what_it_costs(stack: Stack) -> None:
    """As a user sees it: once, below the resources, and no warning."""
    _, diagnostics = stack.pulumi("preview").split("Diagnostics:\n")
    (line,) = [each.strip() for each in diagnostics.splitlines() if " USD a month" in each]
    assert line.startswith("about ")
    assert line.endswith("(us-east-1, prices of 2026-07-20; traffic not included)")


def test_what_somebody_removed_by_hand_comes_back(stacks: Stacks) -> None:
    pool = {"name": "agents", "count": 1, "instanceType": "t4g.small"}
    network = {"vpcCidr": vpc_ranges.take(), "apiAllowedCidrs": [HERE], "sshAllowedCidrs": [HERE]}
    stack = stacks.create("damaged", {"pools": [pool], "network": network})
    stack.pulumi(*UP)
    _exports_what_it_costs(stack)
    stack.kubectl("create", "configmap", "mine", "--from-literal=a=b")
    damage.release_addresses_and_rules(stack)
    _comes_back(stack, with_data=True)
    damage.remove_machines_and_vpc(stack)
    _comes_back(stack, with_data=True)
    damage.remove_machines(stack)
    damage.remove_volumes(stack)
    damage.remove_parameters(stack)
    _comes_back(stack, with_data=False)
    damage.remove_everything(stack)
    stack.pulumi("destroy", "--yes", "--skip-preview", "--refresh")
    assert not json.loads(stack.pulumi("stack", "export"))["deployment"].get("resources")


def _exports_what_it_costs(stack: Stack) -> None:
    found: dict[str, Any] = json.loads(stack.pulumi("stack", "output", "cost", "--json"))
    known = prices.load("us-east-1")
    machine = known.instances["t4g.small"]
    assert [each["unitPrice"] for each in found["items"] if "t4g.small" in each["name"]] == [
        float(machine)
    ] * 2
    assert found["pricesOf"] == known.date
    assert found["monthly"] == pytest.approx(found["hourly"] * estimate.HOURS_PER_MONTH, abs=0.05)


def _comes_back(stack: Stack, *, with_data: bool) -> None:
    """With one `pulumi up --refresh` every node is Ready; another `up` has nothing to do."""
    stack.pulumi(*UP, "--refresh")
    names = {node["name"] for node in stack.nodes()}
    listed = json.loads(stack.kubectl("get", "nodes", "-o", "json"))["items"]
    ready = {
        node["metadata"]["name"]
        for node in listed
        for each in node["status"]["conditions"]
        if each["type"] == "Ready" and each["status"] == "True"
    }
    assert names <= ready
    found = stack.kubectl("get", "configmap", "mine", "--ignore-not-found", "-o", "name")
    assert found.split() == (["configmap/mine"] if with_data else [])
    stack.pulumi(*UP, "--expect-no-changes")
