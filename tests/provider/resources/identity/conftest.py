"""An Identity of the namespace `shop`, and a provider whose numbers and clock are known."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.provider.resources.identity.parts import (
    Inputs,
)
from tests.provider.rpc import AheadClock, Rpc


@pytest.fixture
def clock() -> AheadClock:
    return AheadClock()


@pytest.fixture
def rpc(clock: AheadClock) -> Iterator[Rpc]:
    numbers = itertools.count(1)
    running = Rpc(clock, random_hex=lambda count: f"{next(numbers):0{2 * count}x}")
    yield running
    running.close()


@pytest.fixture
def inputs(api_inputs: Inputs) -> Inputs:
    return {
        "api": api_inputs,
        "datastoreId": "0123456789abcdef",
        "clusterName": "demo",
        "name": "ci",
        "clusterRole": "edit",
        "namespaces": ["shop"],
        "clusterReads": ["nodes", "namespaces"],
        "expiryDays": 90,
        "generation": 1,
        "deadlineSeconds": 600,
    }
