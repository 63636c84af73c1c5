"""Tags: what has to have an owner and an end, and how they are found."""

from __future__ import annotations

import pytest

from tests.policy.examined import TAGS
from tests.policy.stack_state import resource
from tests.policy.test_machines import instance, package_file
from tests.policy.test_rules import violated


def test_tags_are_found_in_any_case_and_an_empty_one_is_none() -> None:
    assert violated(instance(tags={"Owner": "ada", "EXPIRY": "x"})) == []
    assert violated(instance(tags={**TAGS, "owner": ""})) == ["owner-tag"]
    assert violated(instance(tags=None, tagsAll=TAGS)) == []
    assert violated(instance(), keys=["cost-centre"]) == ["owner-tag", "expiry-tag"]


@pytest.mark.parametrize(
    ("module", "type_"),
    [
        ("lb/load_balancer.py", "aws:lb/loadBalancer:LoadBalancer"),
        ("alb/load_balancer.py", "aws:alb/loadBalancer:LoadBalancer"),
        ("ec2/nat_gateway.py", "aws:ec2/natGateway:NatGateway"),
    ],
)
def test_what_costs_money_by_the_hour_has_an_owner_and_an_end(module: str, type_: str) -> None:
    assert f'"{type_}"' in package_file("pulumi_aws", *module.split("/")).read_text()
    assert violated([resource(type_, "x", {})]) == ["owner-tag", "expiry-tag"]


def test_many_resources_without_a_tag_are_one_violation() -> None:
    described = [
        resource("aws:ebs/volume:Volume", f"v-{index}", {"encrypted": True}) for index in range(50)
    ]
    assert violated(described) == ["owner-tag", "expiry-tag"]
