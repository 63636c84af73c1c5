"""One cluster for the tests that only look at it."""

from __future__ import annotations

import pytest

from tests.components.recording import CONFIGURATION, Built, build


@pytest.fixture(scope="session")
def built() -> Built:
    return build(CONFIGURATION)
