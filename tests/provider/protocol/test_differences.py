"""Which inputs differ, and how their paths are written."""

from __future__ import annotations

from typing import Any

import pytest

from provider.protocol.differences import between
from provider.protocol.values import UNKNOWN


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1}, {"a": 2}, {"a": "UPDATE"}),
        ({"a": 1}, {"a": UNKNOWN}, {"a": "UPDATE"}),
        ({}, {"a": {"b": 1}}, {"a": "ADD"}),
        ({"a": {"b": 1}}, {"a": {"c": 1}}, {"a.b": "DELETE", "a.c": "ADD"}),
        ({"a": ["x", "y"]}, {"a": ["x", "z"]}, {"a[1]": "UPDATE"}),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, {"a[0].b": "UPDATE"}),
        ({"a": ["x"]}, {"a": ["x", "y"]}, {"a": "UPDATE"}),
        ({"tags": {"a.b/c": "1"}}, {"tags": {"a.b/c": "2"}}, {'tags["a.b/c"]': "UPDATE"}),
        ({"a": [], "b": {}, "c": None}, {}, {}),
        ({"a": []}, {"a": ["x"]}, {"a": "ADD"}),
    ],
)
def test_each_difference_has_its_path_and_its_kind(
    old: dict[str, Any], new: dict[str, Any], expected: dict[str, str]
) -> None:
    assert {each.text: each.kind for each in between(old, new)} == expected


def test_the_name_of_a_difference_has_no_indexes() -> None:
    (found,) = between({"ingress": [{"port": 1}]}, {"ingress": [{"port": 2}]})

    assert (found.name, found.top) == ("ingress.port", "ingress")
