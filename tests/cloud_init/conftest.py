"""A machine's world for each test of the boot program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud_init import authority
from tests.cloud_init.authority import Authority
from tests.cloud_init.world import World


@pytest.fixture(scope="session")
def own_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority.make(tmp_path_factory.mktemp("authority"), "own")


@pytest.fixture(scope="session")
def other_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority.make(tmp_path_factory.mktemp("authority"), "other")


@pytest.fixture
def world(tmp_path: Path, own_authority: Authority) -> Iterator[World]:
    world = World(tmp_path, own_authority)
    yield world
    world.close()
