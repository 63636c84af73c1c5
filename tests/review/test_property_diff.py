"""The diff of a resource has what differs, in the engine's own paths, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from review import property_diff
from review.preview import Preview, Step
from review.property_values import SECRET, differences

VALUES: some.SearchStrategy[Any] = some.recursive(
    some.booleans() | some.integers(-5, 5) | some.text(max_size=3),
    lambda each: some.lists(each, max_size=3) | some.dictionaries(some.text(max_size=3), each),
    max_leaves=8,
)


def changed(old: Any, new: Any, *detailed: str) -> dict[str, tuple[Any, Any]]:
    step = Step(
        op="update", urn="a", type="a", old=old, new=new, detailed=dict.fromkeys(detailed, "update")
    )
    return dict(property_diff.changed(step))


def test_paths_are_those_of_the_engine() -> None:
    old = {"a": {"b": [1, 2]}, "tags": {"k3s-aws:owner": "x", "Name": "y"}}
    new = {"a": {"b": [1, 3]}, "tags": {"k3s-aws:owner": "z"}}
    assert changed(old, new) == {
        "a.b[1]": (2, 3),
        'tags["k3s-aws:owner"]': ("x", "z"),
        "tags.Name": ("y", None),
    }


def test_what_the_engine_does_not_count_is_left_out() -> None:
    assert changed({"a": 1, "b": 1}, {"a": 2, "b": 2}, "b") == {"b": (1, 2)}


def test_a_secret_that_differs_is_a_difference_without_a_value() -> None:
    assert changed({"value": SECRET}, {"value": SECRET}, "value") == {"value": (SECRET, SECRET)}
    inside = changed({"value": SECRET}, {"value": SECRET}, "value.password")
    assert inside == {"value.password": (SECRET, SECRET)}


def test_two_policies_differ_by_what_they_allow() -> None:
    def policy(*actions: str) -> str:
        return json.dumps({"Statement": [{"Effect": "Allow", "Action": list(actions)}]})

    found = changed({"policy": policy("a")}, {"policy": policy("a", "b")}, "policy")
    assert found == {"policy.Statement[0].Action[1]": (None, "b")}


@pytest.mark.parametrize(("old", "new"), [("{", "{}"), ("[1", "[2"), ('"a"', '"b"'), ("{}", "[]")])
def test_what_is_no_json_is_a_string(old: str, new: str) -> None:
    assert differences({"a": old}, {"a": new}) == {"a": (old, new)}


def test_long_strings_are_cut_to_where_they_differ() -> None:
    same = "x " * 250
    found = property_diff.parts_that_differ(f"{same}a", f"{same}b")
    assert found == (f"… {'x ' * 10}a", f"… {'x ' * 10}b")
    assert property_diff.parts_that_differ("xa", "xb") == ("xa", "xb")
    assert property_diff.parts_that_differ(same, None) == (same, None)


def test_what_nobody_reads_is_short() -> None:
    step = Step(op="update", urn="a", type="a", old={"data": "x" * 500}, new={"data": "y" * 500})
    (block,) = property_diff.render(Preview(stack="prod", steps=(step,)))
    assert f"-   data: {'x' * 24}… (476 more characters)" in block


@given(value=VALUES)
def test_nothing_differs_from_itself(value: Any) -> None:
    assert differences({"a": value}, {"a": value}) == {}


@given(old=VALUES, new=VALUES)
def test_two_values_that_differ_have_a_difference(old: Any, new: Any) -> None:
    assert bool(differences({"a": old}, {"a": new})) is (old != new)
