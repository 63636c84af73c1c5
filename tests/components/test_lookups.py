"""What AWS refuses to tell ends the program with one message."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NoReturn

import pulumi_aws as aws
import pytest

from cluster import config
from cluster.errors import ConfigError
from cluster.model import Cluster
from components import lookups
from components.lookups import LookupFailed
from tests.components.conftest import CONFIGURATION


@pytest.fixture
def cluster() -> Cluster:
    return config.load(CONFIGURATION, stack="dev")


def refuse(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def get_instance_type(**_: Any) -> NoReturn:
        raise error

    monkeypatch.setattr(aws.ec2, "get_instance_type", get_instance_type)
    zones = SimpleNamespace(names=["eu-central-1a"])
    monkeypatch.setattr(aws, "get_availability_zones", lambda **_: zones)


def test_what_aws_refuses_is_told_with_the_way_out(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, Exception("invoke failed: ExpiredToken: the token has expired"))
    with pytest.raises(LookupFailed) as failed:
        lookups.resolve(cluster)
    assert str(failed.value) == (
        "AWS was asked for the instance type t4g.small: "
        "invoke failed: ExpiredToken: the token has expired\n"
        "    check aws:region, the credentials and the connection: aws sts get-caller-identity"
    )


def test_a_type_that_ec2_does_not_know_is_a_problem_of_the_configuration(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, Exception("invoke failed: InvalidInstanceType: t4g.small"))
    with pytest.raises(ConfigError):
        lookups.resolve(cluster)


def test_a_bug_keeps_its_own_traceback(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, AttributeError("no such attribute"))
    with pytest.raises(AttributeError):
        lookups.resolve(cluster)
