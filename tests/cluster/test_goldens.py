"""Each example renders to its folder of tests/golden/. `make golden` rewrites them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster import user_data
from tests.cluster.parts import cloud_config_of
from tests.golden import rendering, rewrite


@pytest.mark.parametrize("example", rendering.NAMES)
def test_an_example_renders_to_its_goldens(example: str) -> None:
    expected = {path.name: path.read_text() for path in (rendering.GOLDEN / example).iterdir()}
    assert rendering.render(example) == expected


def test_every_golden_has_its_example() -> None:
    folders = {path.split("/", maxsplit=1)[0] for path in rewrite.contents(rendering.GOLDEN)}
    # The names in state have a folder of their own, with a file for each example; so do comments.
    assert folders == {*rendering.NAMES, "state", "review"}


@pytest.mark.parametrize("example", rendering.NAMES)
def test_a_rendering_is_the_same_each_time(example: str) -> None:
    assert rendering.render(example) == rendering.render(example)


def test_rewriting_returns_what_changed_and_then_nothing(tmp_path: Path) -> None:
    before = {"laptop": {"kept.yaml": "a", "changed.yaml": "a"}, "gone": {"cluster.yaml": "a"}}
    after = {"laptop": {"kept.yaml": "a", "changed.yaml": "b"}, "new": {"cluster.yaml": "a"}}
    rewrite.rewrite(tmp_path, before)
    assert rewrite.rewrite(tmp_path, after) == [
        "gone/cluster.yaml",
        "laptop/changed.yaml",
        "new/cluster.yaml",
    ]
    assert rewrite.rewrite(tmp_path, after) == []


def test_a_cloud_config_has_only_keys_that_cloud_init_reads() -> None:
    """cloud-init of Debian 12 accepts a misspelt top-level key without a warning."""
    supported = {"locale", "ssh_deletekeys", "ssh_keys"}
    assert set(cloud_config_of(user_data.render("{}", {}))) == supported
