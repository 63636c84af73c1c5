from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from bench import environment, many
from localcloud.workbench import stack_config
from tests.localcloud import vpc_ranges


@pytest.mark.parametrize("processes", [1, 2, 3, 4, 8])
def test_no_two_processes_have_a_range_in_common(processes: int) -> None:
    shares = [
        {vpc_ranges.of_process(number, worker, processes) for number in range(100)}
        for worker in range(processes)
    ]
    assert len(set.union(*shares)) == sum(map(len, shares))
    assert min(map(len, shares)) >= 56 // processes


def test_no_demo_and_no_measurement_has_a_range_of_the_tests() -> None:
    ranges = [ip_network(vpc_ranges.of_process(number, 0, 1)) for number in range(56)]
    others = [environment.VPC_CIDR, many.CLUSTER_CIDR]
    others += {stack_config.vpc_cidr(Path(f"/srv/{number}")) for number in range(1000)}
    assert [each for each in others if any(ip_network(each).overlaps(one) for one in ranges)] == []


def test_a_range_is_taken_once() -> None:
    assert vpc_ranges.take() != vpc_ranges.take()
