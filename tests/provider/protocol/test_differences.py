"""Which inputs changed, and the paths by which Pulumi names them."""

from __future__ import annotations

import pytest

from provider.protocol.differences import Difference, between, parse


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (("ssh", "port"), "ssh.port"),
        (("pool", "config", "max-pods"), "pool.config.max-pods"),
        (("labels", "example.com/a", "b"), 'labels["example.com/a"].b'),
        (("rewrite", '^"a"[.]', "x"), 'rewrite["^\\"a\\"[.]"].x'),
        (("labels", ""), 'labels[""]'),
    ],
)
def test_a_path_is_written_as_pulumi_does_and_read_back(path: tuple[str, ...], name: str) -> None:
    assert Difference(path=path, kind="ADD").name == name
    assert parse(name) == path


def test_the_fields_inside_objects_are_compared_and_lists_as_a_whole() -> None:
    old = {"a": {"b": 1, "c": [1]}, "d": {"e": 1}}
    new = {"a": {"b": 2, "c": [1, 2]}, "d": {}}
    assert {each.name: each.kind for each in between(old, new)} == {
        "a.b": "UPDATE",
        "a.c": "UPDATE",
        "d.e": "DELETE",
    }
