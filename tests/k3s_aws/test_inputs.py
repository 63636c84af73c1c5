"""The inputs of a cluster as plain values, secrets and what is not known yet included."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pytest
from pulumi.output import Unknown
from pulumi.runtime.sync_await import _ensure_event_loop

from cluster.errors import ConfigError
from k3s_aws import inputs


def unknown() -> pulumi.Output[Any]:
    async def value() -> Any:
        return Unknown()

    async def no() -> bool:
        return False

    # That of the SDK, which every test of the process shares.
    loop = _ensure_event_loop()
    return pulumi.Output(set(), loop.create_task(value()), loop.create_task(no()))


def test_outputs_that_are_known_become_values_wherever_they_are() -> None:
    subnets = pulumi.Output.from_input(["subnet-1"])
    cluster = {"network": {"subnetIds": subnets}, "pools": [{"count": 2.0}]}
    found = inputs.read({"cluster": cluster}).values["cluster"]
    assert json.loads(found.text or "") == {
        "network": {"subnetIds": ["subnet-1"]},
        "pools": [{"count": 2}],
    }
    assert not found.is_secret


def test_a_secret_anywhere_makes_the_whole_value_secret() -> None:
    password = pulumi.Output.secret("hunter2")
    given = inputs.read({"cluster": {"charts": [{"values": {"password": password}}]}})
    found = given.values["cluster"]
    assert found.is_secret
    assert "hunter2" not in repr(found)


def test_what_is_not_known_yet_is_named_with_what_to_do() -> None:
    cluster = {"network": {"subnetIds": [unknown(), "subnet-2"]}, "name": unknown()}
    with pytest.raises(ConfigError) as error:
        inputs.read({"cluster": cluster, "loginKey": unknown()})
    paths = [each.path for each in error.value.problems]
    assert paths == ["cluster.network.subnetIds[0]", "cluster.name", "loginKey"]
    assert "is not known before another resource exists" in str(error.value)
    assert "pulumi up --skip-preview" in str(error.value)


def test_a_cluster_without_a_name_has_the_name_of_the_resource() -> None:
    named = inputs.named(inputs.read({"cluster": {"servers": {}}}).values, "shop")
    assert json.loads(named["cluster"].text or "") == {"name": "shop", "servers": {}}
    named = inputs.named(inputs.read({"cluster": {"name": "till"}}).values, "shop")
    assert json.loads(named["cluster"].text or "") == {"name": "till"}


def test_a_cluster_with_a_secret_is_rejected_without_its_value() -> None:
    values = inputs.read({"cluster": {"owner": pulumi.Output.secret("hunter2")}}).values
    with pytest.raises(ConfigError, match="marked as a secret") as error:
        inputs.named(values, "shop")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("given", [None, "text", ["list"]])
def test_what_is_no_object_is_left_to_the_reader_of_the_configuration(given: Any) -> None:
    values = inputs.read({"cluster": given}).values
    assert inputs.named(values, "shop") == values


def test_what_has_to_be_awaited_is_awaited() -> None:
    async def count() -> int:
        return 2

    waiting = _ensure_event_loop().create_task(count())
    found = inputs.read({"cluster": {"pools": [{"count": waiting}], "drainSeconds": count()}})
    assert json.loads(found.values["cluster"].text or "") == {
        "pools": [{"count": 2}],
        "drainSeconds": 2,
    }


@pytest.mark.parametrize("given", [{"subnetIds": {"subnet-1"}}, {"hunter2": object()}, b"hunter2"])
def test_what_json_has_not_is_a_problem_with_its_key_and_without_its_value(given: Any) -> None:
    with pytest.raises(ConfigError, match="cluster: is not a value that JSON has") as error:
        inputs.read({"cluster": given})
    assert "hunter2" not in str(error.value)
