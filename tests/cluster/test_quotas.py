"""What a cluster needs of the account's quotas is compared before anything is created."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from cluster import config, quotas
from cluster.errors import Kind, Problem
from cluster.quotas import ADDRESSES, LOAD_BALANCERS, RULES, STORAGE, VPCS, Quota
from tests.cluster import ec2

OPEN = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": []}


@dataclass
class Account:
    """An account; `others` are the addresses and VPCs that are not the cluster's."""

    quotas: Mapping[str, int | None] = field(default_factory=dict)
    others: int | None = 0
    own: int = 0
    asked: list[Quota] = field(default_factory=list)

    def quota(self, quota: Quota) -> int | None:
        self.asked.append(quota)
        return self.quotas.get(quota.code, 1000)

    def addresses(self, *, own: bool) -> int | None:
        if self.others is None:
            return None
        return self.own if own else self.others + self.own

    vpcs = load_balancers = addresses


def found(account: Account, **keys: Any) -> list[str]:
    return [str(each) for each in problems_of(account, **keys)]


def problems_of(account: Account, **keys: Any) -> list[Problem]:
    """The problems of this configuration on the account."""
    raw = {"network": OPEN, "pools": [], **keys}
    cluster = ec2.resolve(config.load(raw, stack="dev"))
    vcpus = {name: each.vcpus for name, each in ec2.INSTANCE_TYPES.items()}
    return list(quotas.problems(cluster, vcpus, account))


AGENTS = [{"name": "agents", "count": 5, "instanceType": "t4g.small"}]


def test_addresses_are_counted_with_those_of_others() -> None:
    (problem,) = found(Account({ADDRESSES.code: 6}, others=1), pools=AGENTS)
    assert problem.startswith(
        "cluster.pools: needs 6 machines with a public address each, and 1 other Elastic IPs in "
        "eu-central-1; the quota of this account is 6"
    )
    assert "--service-code ec2 --quota-code L-0263D0A3" in problem
    assert found(Account({ADDRESSES.code: 6}, others=0), pools=AGENTS) == []


def test_addresses_of_the_cluster_itself_are_not_counted_twice() -> None:
    assert found(Account({ADDRESSES.code: 6}, others=0, own=6), pools=AGENTS) == []


def test_private_machines_need_no_address() -> None:
    network = {**OPEN, "subnetIds": ["subnet-0aaaaaaaaaaaaaaaa"], "publicAddresses": False}
    account = Account({ADDRESSES.code: 0}, others=100)
    assert found(account, network=network) == []
    assert ADDRESSES not in account.asked


def test_a_use_within_what_every_account_has_is_not_asked_for() -> None:
    account = Account(others=0)
    assert found(account) == []
    assert not {ADDRESSES, VPCS, RULES, STORAGE} & set(account.asked)


def test_a_load_balancer_is_counted_with_those_of_others() -> None:
    account = Account({LOAD_BALANCERS.code: 50, VPCS.code: 100, ADDRESSES.code: 200}, others=50)
    (problem,) = found(account, servers={"count": 3})
    assert problem.startswith(
        "cluster.endpoint.type: needs a network load balancer, and 50 others in eu-central-1; the "
        "quota of this account is 50"
    )
    assert found(account) == []


def test_a_vpc_of_its_own_is_counted() -> None:
    (problem,) = found(Account({VPCS.code: 5, ADDRESSES.code: 100}, others=5))
    assert "needs a VPC of its own, and 5 others in eu-central-1" in problem
    network = {**OPEN, "subnetIds": ["subnet-0aaaaaaaaaaaaaaaa"]}
    assert found(Account({VPCS.code: 5, ADDRESSES.code: 100}, others=5), network=network) == []


def test_vcpus_are_compared_by_family_and_market() -> None:
    pools = [
        {"name": "agents", "count": 2, "instanceType": "c7i.large"},
        {"name": "spot", "count": 3, "instanceType": "m7g.large", "spot": True},
    ]
    account = Account({"L-1216C47A": 5, "L-34B43A08": 5})
    on_demand, spot = found(account, pools=pools)
    assert "needs 6 vCPUs for 1 x t4g.small, 2 x c7i.large; the quota of this account is 5" in (
        on_demand
    )
    assert "needs 6 vCPUs for 3 x m7g.large; the quota of this account is 5" in spot
    assert "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests" in spot
    assert found(Account({"L-1216C47A": 6, "L-34B43A08": 6}), pools=pools) == []


@pytest.mark.parametrize(
    ("instance_type", "spot", "code"),
    [
        ("t4g.small", False, "L-1216C47A"),
        ("im4gn.large", False, "L-1216C47A"),
        ("is4gen.large", True, "L-34B43A08"),
        ("g5g.xlarge", False, "L-DB2E81BA"),
        ("vt1.3xlarge", True, "L-3819A6DF"),
        ("p4d.24xlarge", False, "L-417A185B"),
        ("p4de.24xlarge", True, "L-7212CCBC"),
        ("p5.48xlarge", False, "L-417A185B"),
        ("p5en.48xlarge", True, "L-C4BD4855"),
        ("p6-b200.48xlarge", False, "L-417A185B"),
        ("p6-b200.48xlarge", True, None),
        ("inf2.xlarge", True, "L-B5D1601B"),
        ("trn1.2xlarge", False, "L-2C3B7624"),
        ("x2gd.medium", False, "L-7295265B"),
        ("f1.2xlarge", True, "L-88CF9481"),
        ("mac1.metal", False, None),
        ("u-3tb1.56xlarge", False, None),
        ("", False, None),
    ],
)
def test_each_family_has_its_quota(instance_type: str, spot: bool, code: str | None) -> None:
    quota = quotas.vcpu_quota(instance_type, spot=spot)
    assert (quota.code if quota else None) == code


def test_rules_of_a_security_group_are_counted() -> None:
    ranges = [f"203.0.{index}.0/24" for index in range(100)]
    network = {"apiAllowedCidrs": ranges, "sshAllowedCidrs": ranges[:1]}
    (problem,) = found(Account({RULES.code: 60}), network=network)
    assert problem.startswith("cluster.network: needs 10")
    assert "rules for the security group of the servers; the quota of this account is 60" in problem
    assert found(Account({RULES.code: 200}), network=network) == []


def test_more_rules_than_a_new_account_has_are_a_warning_where_the_quota_is_not_known() -> None:
    network = {**OPEN, "apiAllowedCidrs": [f"203.0.{index}.0/24" for index in range(100)]}
    (warning,) = problems_of(Account({RULES.code: None}), network=network)
    assert warning.kind == Kind.WARNING
    assert "the quota of this account is not known, that of a new one is 60" in warning.what


LARGE = {"count": 3, "rootVolumeGib": 1000, "dataVolumeGib": 16_384}


def test_the_volumes_of_all_machines_are_counted_in_tib() -> None:
    pools = [{"name": "agents", "count": 2, "instanceType": "t4g.small", "rootVolumeGib": 4096}]
    (problem,) = found(Account({STORAGE.code: 58}), servers=LARGE, pools=pools)
    assert problem.startswith(
        "cluster.servers.dataVolumeGib: needs 59 TiB for 60344 GiB of volumes; the quota of this "
        "account is 58"
    )
    assert "--service-code ebs --quota-code L-7A658B76" in problem
    assert found(Account({STORAGE.code: 59}), servers=LARGE, pools=pools) == []


def test_more_volumes_than_a_new_account_has_are_a_warning_where_the_quota_is_not_known() -> None:
    (warning,) = problems_of(Account({STORAGE.code: None}), servers=LARGE)
    assert warning.kind == Kind.WARNING
    assert "needs 51 TiB for 52152 GiB of volumes" in warning.what
    assert "that of a new one is 50" in warning.what


def test_what_aws_does_not_report_is_taken_for_enough() -> None:
    unknown = dict.fromkeys((ADDRESSES.code, VPCS.code, RULES.code, "L-1216C47A"))
    assert found(Account(unknown, others=1000), pools=AGENTS) == []
    assert found(Account({ADDRESSES.code: 0, VPCS.code: 0}, others=None), pools=AGENTS) == []
