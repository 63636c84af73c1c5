"""A stack's configuration laid over a base, and which file a problem is in."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import yaml

from cluster import overlay, stack_config
from cluster.errors import ConfigError, Problem
from cluster.stack_config import StackConfig, StackValue

OPEN = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": ["203.0.113.0/24"]}
FILE = "environments/base.yaml"


def merge(base: Any, over: Any) -> Any:
    """The merged content; neither side is changed by it."""
    before = copy.deepcopy((base, over))
    found = overlay.lay_over(over, base, FILE).content
    assert (base, over) == before
    return found


# https://www.rfc-editor.org/rfc/rfc7396#appendix-A, those whose both sides are objects
RFC_7396 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("base", "over", "merged"), RFC_7396)
def test_objects_are_merged_as_a_json_merge_patch(base: Any, over: Any, merged: Any) -> None:
    assert merge(base, over) == merged


def test_lists_with_names_are_merged_entry_by_entry_those_of_the_base_first() -> None:
    base = {"pools": [{"name": "a", "count": 1}, {"name": "b", "count": 1, "spot": True}]}
    over = {"pools": [{"name": "c"}, {"name": "b", "count": 5, "spot": None}]}
    assert merge(base, over)["pools"] == [
        {"name": "a", "count": 1},
        {"name": "b", "count": 5},
        {"name": "c"},
    ]


@pytest.mark.parametrize(
    ("base", "over"),
    [
        # The values of a chart are Helm's, and so are its lists.
        (
            {"charts": [{"name": "a", "values": {"env": [{"name": "X", "value": "1"}]}}]},
            {"charts": [{"name": "a", "values": {"env": [{"name": "Y", "value": "2"}]}}]},
        ),
        ({"network": OPEN}, {"network": {"apiAllowedCidrs": ["198.51.100.0/24"]}}),
        ({"servers": {"taints": [{"key": "a"}]}}, {"servers": {"taints": [{"key": "b"}]}}),
    ],
)
def test_every_other_list_replaces_the_one_of_the_base(base: Any, over: Any) -> None:
    found = merge(base, over)
    for key in ("charts", "network", "servers"):
        if key not in over:
            continue
        merged, wanted = found[key], over[key]
        if key == "charts":
            assert merged[0]["values"] == wanted[0]["values"]
        else:
            assert {name: merged[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    "pools", [[{"name": "a"}, {"name": "a"}], [{"count": 1}], [{"name": 7}], ["a"], "a"]
)
def test_a_list_without_different_names_replaces_and_the_reader_has_the_problem(
    pools: Any,
) -> None:
    assert merge({"pools": [{"name": "a", "count": 1}]}, {"pools": pools})["pools"] == pools


def test_null_in_the_values_of_a_chart_is_helms_and_removes_nothing_here() -> None:
    base = {"charts": [{"name": "a", "repo": "x", "values": {"env": {"A": 1}, "probe": {"x": 1}}}]}
    values = {"env": {"A": None, "B": None}, "probe": None, "new": {"deep": {"off": None}}}
    over = {
        "charts": [{"name": "a", "repo": None, "values": values}, {"name": "b", "values": values}]
    }
    assert merge(base, over)["charts"] == [
        {"name": "a", "values": values},
        {"name": "b", "values": values},
    ]
    # k3s has no use for null: there it removes what the base has.
    flags = {"k3s": {"server": {"debug": True}}}
    assert merge(flags, {"k3s": {"server": {"debug": None}}}) == {"k3s": {"server": {}}}


def read(cluster: Any, base: str | None, **files: str) -> StackConfig:
    def read_file(name: str) -> str:
        if name not in files:
            raise FileNotFoundError(2, "No such file or directory", name)
        return files[name]

    if base is not None:
        files[FILE] = base
    strings = {"cluster": json.dumps(cluster), "base": FILE}
    values = {key: StackValue(text=strings.get(key), is_secret=False) for key in stack_config.KEYS}
    return stack_config.read(values, stack="dev", read_file=read_file)


def problems(cluster: Any, base: str | None) -> list[str]:
    with pytest.raises(ConfigError) as rejection:
        read(cluster, base)
    return [f"{each.path}: {each.what}" for each in rejection.value.problems]


def test_a_stack_has_what_its_base_has() -> None:
    base = json.dumps({"network": OPEN, "owner": "shop", "pools": [{"name": "agents"}]})
    spec = read({"pools": [{"name": "agents", "count": 7}]}, base).spec
    assert (spec.pools[0].count, spec.tags["k3s-aws:owner"]) == (7, "shop")


def test_a_problem_has_the_file_that_its_value_is_from() -> None:
    base = {
        "network": OPEN,
        "drainSeconds": "x",
        "pools": [{"name": "a", "count": -1}, {"name": "b", "count": 1}],
    }
    stack = {"nodeDeadlineSeconds": 1, "pools": [{"name": "b", "count": -2}]}
    assert problems(stack, json.dumps(base)) == [
        f'cluster.drainSeconds: must be an integer, found "x" (from {FILE})',
        f"cluster.pools[0].count: -1 is out of range (from {FILE})",
        "cluster.pools[1].count: -2 is out of range",
        "cluster.nodeDeadlineSeconds: 1 is out of range",
    ]


@pytest.mark.parametrize(
    ("pools", "problem"),
    [
        ("[{nam: a}]", "cluster.pools[0].nam: unknown key"),
        ("[{count: 1}]", "cluster.pools[0].name: is missing"),
        ("[{name: a}, {name: a}]", 'cluster.pools[1].name: "a" is already the name of'),
        ("[a]", 'cluster.pools[0]: must be an object, found "a"'),
        ("[{name: off}]", "cluster.pools[0].name: must be a string, found false"),
        ("{a: {}}", "cluster.pools: must be a list, found an object"),
    ],
)
def test_a_mistake_in_a_list_of_the_base_is_not_hidden_by_the_list_of_the_stack(
    pools: str, problem: str
) -> None:
    base = f"network: {json.dumps(OPEN)}\npools: {pools}\n"
    found = problems({"pools": [{"name": "b", "count": 1}]}, base)
    assert found
    assert found[0].startswith(problem)
    assert all(each.endswith(f" (from {FILE})") for each in found)


def test_an_empty_list_of_the_base_is_replaced() -> None:
    pools = [{"name": "a", "count": 1}]
    for empty in (None, list[Any]()):
        assert merge({"pools": empty}, {"pools": pools})["pools"] == pools


def test_a_problem_that_aws_reports_has_it_too() -> None:
    base = {"network": OPEN, "servers": {"instanceType": "t4g.small"}}
    merged = read({"owner": "shop"}, json.dumps(base)).merged
    found = Problem("cluster.servers.instanceType", "EC2 has no such type", "choose another")
    other = Problem("cluster.serversAndMore", "is something else", "-")
    with pytest.raises(ConfigError) as rejection, merged.named():
        raise ConfigError([found, other])
    assert [each.what for each in rejection.value.problems] == [
        f"EC2 has no such type (from {FILE})",
        "is something else",
    ]


@pytest.mark.parametrize(
    ("base", "problem"),
    [
        (None, f'base: "{FILE}" cannot be read: No such file or directory'),
        ("- a", f'base: "{FILE}" is not an object'),
        ("a: 1\nb: [", f'base: "{FILE}", line 2: is not valid YAML'),
        (
            "pools: [{name: a, labels: {x: {secure: v1:abc}}}]",
            f'base: "{FILE}" has an encrypted value at cluster.pools[0].labels.x',
        ),
        ("secure: v1:abc", f'base: "{FILE}" has an encrypted value at cluster'),
        (
            "pools: [{name: a, labels: {x: a, y: b, x: c}}]",
            f'base: "{FILE}" has cluster.pools[0].labels.x twice',
        ),
        ("servers: {count: 3, <<: {count: 1}}", f'base: "{FILE}" has cluster.servers.count twice'),
    ],
)
def test_a_base_that_cannot_be_used_is_a_problem(base: str | None, problem: str) -> None:
    (found,) = problems({"network": OPEN}, base)
    assert found.startswith(problem)


def test_an_object_that_is_merged_in_may_be_overridden() -> None:
    base = f"""\
network: {json.dumps(OPEN)}
servers: &machine {{instanceType: t4g.small, rootVolumeGib: 20}}
pools:
  - {{<<: *machine, name: a, instanceType: t4g.medium}}
"""
    (pool,) = read({"owner": "shop"}, base).spec.pools
    assert (pool.instance_type, pool.root_volume_gib) == ("t4g.medium", 20)


def test_the_values_of_a_chart_of_the_base_are_rendered() -> None:
    chart = {
        "name": "web",
        "repo": "https://charts.example.com",
        "chart": "web",
        "version": "1.0.0",
        "values": {"a": {"b": [{}]}},
    }
    base = yaml.safe_dump({"network": OPEN, "charts": [chart]})
    (found,) = read({"owner": "shop"}, base).spec.manifests
    assert yaml.safe_load(yaml.safe_load(found.content)["spec"]["valuesContent"]) == {
        "a": {"b": [{}]}
    }


def test_a_secret_in_plain_text_is_rejected_in_a_base_too() -> None:
    base = json.dumps({"network": OPEN, "proxy": {"httpProxy": "http://user:hunter2@proxy:3128"}})
    (found,) = problems({}, base)
    assert found.startswith("cluster.proxy.httpProxy: credentials in a URL would be")
    assert "hunter2" not in found
