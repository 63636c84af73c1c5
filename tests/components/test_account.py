"""What the account has and may have; nothing where AWS refuses the question."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from cluster import config
from cluster.quotas import ADDRESSES
from components.account import Account
from tests.cluster import ec2
from tests.components.recording import CONFIGURATION


@pytest.fixture
def account() -> Account:
    pools = [{"name": "agents", "instanceType": "t4g.small"}]
    spec = config.load({**CONFIGURATION, "pools": pools}, stack="dev")
    return Account(ec2.resolve(spec))


def test_own_resources_are_found_by_the_tags_of_cluster_and_stack(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def get_eips(tags: Any, opts: Any) -> Any:
        asked.append(tags)
        return SimpleNamespace(allocation_ids=["eipalloc-1"])

    monkeypatch.setattr(aws.ec2, "get_eips", get_eips)
    assert (account.addresses(own=False), account.addresses(own=True)) == (1, 1)
    assert asked == [None, {"k3s-aws:cluster": "demo", "k3s-aws:stack": "dev"}]


def test_vpcs_that_another_account_shares_are_not_counted(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_vpcs(filters: Any, tags: Any, opts: Any) -> Any:
        (filter_,) = filters
        owners = {"vpc-own": "123456789012", "vpc-shared": "210987654321"}
        assert filter_.name == "owner-id"
        return SimpleNamespace(
            ids=[vpc for vpc, owner in owners.items() if owner in filter_.values]
        )

    monkeypatch.setattr(aws.ec2, "get_vpcs", get_vpcs)
    assert account.vpcs(own=False) == 1


def test_only_network_load_balancers_are_counted(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = (
        "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/{}/a/0123456789abcdef"
    )
    arns = [arn.format(kind) for kind in ("net", "app", "gwy")]
    monkeypatch.setattr(aws.lb, "get_lbs", lambda tags, opts: SimpleNamespace(arns=arns))
    assert account.load_balancers(own=False) == 1


def test_a_refused_lookup_has_no_result(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> Any:
        raise Exception("AccessDeniedException: not authorized")

    logged: list[str] = []
    monkeypatch.setattr(pulumi.log, "debug", logged.append)
    monkeypatch.setattr(aws.servicequotas, "get_service_quota", refuse)
    monkeypatch.setattr(aws.ec2, "get_vpcs", refuse)
    assert account.quota(ADDRESSES) is None
    assert account.vpcs(own=False) is None
    assert len(logged) == 2


def test_a_bug_keeps_its_own_traceback(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> Any:
        raise AttributeError

    monkeypatch.setattr(aws.ec2, "get_vpcs", fail)
    with pytest.raises(AttributeError):
        account.vpcs(own=False)
