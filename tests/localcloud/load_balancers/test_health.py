"""The health of a target follows from the results of its checks in a row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from localcloud.load_balancers.health import Health
from localcloud.load_balancers.model import HealthCheck
from tests.localcloud.load_balancers.conftest import CHECK

STRICT = replace(CHECK, healthy_threshold=3, unhealthy_threshold=2)


@pytest.mark.parametrize(
    ("results", "state"),
    [
        ("", "initial"),
        ("++", "initial"),
        ("+++", "healthy"),
        ("-", "initial"),
        ("--", "unhealthy"),
        ("+-+-+-", "initial"),
        ("+++-", "healthy"),
        ("+++--", "unhealthy"),
        ("+++--++", "unhealthy"),
        ("+++--+++", "healthy"),
    ],
)
def test_so_many_results_in_a_row_change_the_state(results: str, state: str) -> None:
    health = Health()
    for each in results:
        health.record(each == "+", STRICT)
    assert health.state == state


def test_a_result_gives_whether_the_state_has_changed() -> None:
    health = Health()
    assert [health.record(False, CHECK) for _ in range(3)] == [False, True, False]


def test_the_reasons_are_those_of_the_api() -> None:
    health = Health()
    reasons = [health.reported[1]]
    for passed in (True, True, False, False):
        health.record(passed, CHECK)
        reasons.append(health.reported[1])
    assert reasons == [
        "Elb.RegistrationInProgress",
        "Elb.InitialHealthChecking",
        None,
        None,
        "Target.FailedHealthChecks",
    ]


def test_a_matcher_has_codes_and_ranges() -> None:
    check: HealthCheck = replace(CHECK, codes=((200, 299), (401, 401)))
    accepted = [code for code in (199, 200, 299, 300, 401, 402) if check.accepts(code)]
    assert accepted == [200, 299, 401]
