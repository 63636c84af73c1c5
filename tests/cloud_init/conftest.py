"""A simulated machine for each test of the boot program."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from boot import http_client
from tests.cloud_init import authority
from tests.cloud_init.authority import Authority
from tests.cloud_init.simulated_machine import SimulatedMachine


@pytest.fixture(scope="session")
def own_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority.make(tmp_path_factory.mktemp("authority"), "own")


@pytest.fixture(scope="session")
def other_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority.make(tmp_path_factory.mktemp("authority"), "other")


@pytest.fixture
def machine(tmp_path: Path, own_authority: Authority) -> Iterator[SimulatedMachine]:
    machine = SimulatedMachine(tmp_path, own_authority)
    # The boot program sets its proxy.
    with mock.patch.dict(os.environ), mock.patch.object(http_client, "proxies", {}):
        yield machine
    machine.close()
