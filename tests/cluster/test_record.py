"""The record of a cluster: small, without secrets, and read with suspicion."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from cluster import changes, record, record_json
from cluster.effect import Effect
from cluster.record_json import UnreadableRecord
from cluster.spec import Manifest
from tests.cluster.records import recorded, resolved
from tests.golden import rendering


def floats(content: Any) -> Any:
    """As the engine returns it: each number as a floating-point one."""
    return json.loads(json.dumps(content), parse_int=float)


@pytest.mark.parametrize("example", rendering.NAMES)
def test_a_record_comes_back_from_the_engine_as_it_was(example: str) -> None:
    made = record.of(rendering.load(example))
    assert record_json.parse(floats(record_json.render(made))) == made


def test_a_record_does_not_grow_with_machines_or_contents() -> None:
    text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"
    manifests = [{"name": f"m{each}", "content": f"{text}# {'x' * 2000}"} for each in range(50)]
    pools = [{"name": "a", "count": 1000}, {"name": "b", "count": 1000}]
    network = {
        "clusterCidr": "10.128.0.0/12",
        "apiAllowedCidrs": [f"203.0.113.{each}/32" for each in range(50)],
    }
    made = record_json.render(
        record.of(resolved(pools=pools, network=network, manifests=manifests))
    )
    assert len(json.dumps(made)) < 4000


def test_a_record_holds_no_contents() -> None:
    manifest = {"name": "m", "content": "apiVersion: v1\nkind: Namespace\nmetadata: {name: x17}\n"}
    registries = {"mirrors": {"docker.io": {"endpoint": ["https://x17.example.com"]}}}
    keys = {"manifests": [manifest], "k3s": {"registries": registries}, "tags": {"a": "x17"}}
    assert "x17" not in json.dumps(record_json.render(record.of(resolved(**keys))))


def test_a_field_that_a_later_release_adds_counts_only_where_it_is_not_the_default() -> None:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Later(Manifest):
        mode: str = "0600"

    def made(manifest: Manifest) -> record.Values:
        cluster = dataclasses.replace(resolved(), manifests=(manifest,))
        return record.of(cluster).servers.keys

    assert made(Manifest(name="a", content="b")) == made(Later(name="a", content="b"))
    assert made(Later(name="a", content="b")) != made(Later(name="a", content="b", mode="0644"))


def test_a_key_that_an_older_record_does_not_have_had_its_default() -> None:
    older = recorded(data_volume_gib=None)
    keys = {key: each for key, each in older.servers.keys.items() if "rootVolumeGib" not in key}
    pools = (dataclasses.replace(older.servers, keys=keys), *older.pools[1:])
    older = dataclasses.replace(older, pools=pools)
    for size, expected in ((20, ()), (30, ("cluster.servers.rootVolumeGib",))):
        after = recorded(data_volume_gib=None, servers={"rootVolumeGib": size})
        node = changes.plan_changes(older, after).nodes[0]
        assert (node.keys, node.effect) == (expected, Effect.NONE)


def edited(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(json.dumps(record_json.render(recorded())))
    change(content)
    return content


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (5, "it is not an object"),
        ([], "it is not an object"),
        ({}, "its schema is not 1"),
        (edited(lambda it: it.update(schema=2)), "its schema is not 1"),
        (edited(lambda it: it.pop("pools")), '"pools" is not a list'),
        (edited(lambda it: it.update(pools=[])), "its first pool must be the servers"),
        (edited(lambda it: it["pools"].reverse()), "its first pool must be the servers"),
        (edited(lambda it: it["pools"].append(5)), "a pool is not an object"),
        (edited(lambda it: it["pools"][0].update(role=[])), 'the "role" of a pool is not server'),
        (edited(lambda it: it["pools"][0].update(count=1e9)), 'the "count" of a pool is not a'),
        (edited(lambda it: it["pools"][0].update(count=0)), "its first pool must be the servers"),
        (edited(lambda it: it["pools"][0].update(keys=[])), '"keys" is not an object'),
        (edited(lambda it: it.update(subnets=[])), '"subnets" is empty'),
        (edited(lambda it: it["subnets"][0].pop("zone")), '"zone" is not a string'),
        (edited(lambda it: it.update(nodeKeys={})), "it has no name of the cluster"),
        (edited(lambda it: it["nodeKeys"].update(a={})), "a value is not a string, a whole number"),
        (edited(lambda it: it["nodeKeys"].update(a=0.5)), "a value is not a string, a whole"),
        (edited(lambda it: it.update(vpcId=7)), '"vpcId" is not a string'),
    ],
)
def test_another_schema_or_a_damaged_record_is_unreadable(content: Any, reason: str) -> None:
    with pytest.raises(UnreadableRecord) as error:
        record_json.parse(content)
    assert reason in str(error.value)


@pytest.mark.parametrize("key", ["nodeKeys", "otherKeys", "identityGenerations"])
def test_a_record_whose_values_are_gone_is_compared_without_a_trace(key: str) -> None:
    def change(content: dict[str, Any]) -> None:
        content[key] = {"cluster.name": "demo"} if key == "nodeKeys" else {}
        for pool in content["pools"]:
            pool["keys"] = {}

    before = record_json.parse(edited(change))
    assert changes.plan_changes(before, recorded()).deleted == ()
    assert changes.plan_changes(recorded(), before).deleted == ()
