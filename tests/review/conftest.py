"""A platform on loopback, and a job on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.review import fake_platforms
from tests.review.fake_platforms import Account, Platform
from tests.review.job import Watch


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture(params=["github", "github-user", "github-enterprise", "gitlab"])
def platform(request: pytest.FixtureRequest) -> Iterator[Platform]:
    kind, _, of = request.param.partition("-")
    is_bot = kind == "github" and of != "user"
    root = fake_platforms.ENTERPRISE if of == "enterprise" else ""
    with fake_platforms.running(kind, Account("github-actions", 41, is_bot=is_bot), root) as found:
        yield found


@pytest.fixture
def event(tmp_path: Path) -> Path:
    file = tmp_path / "event.json"
    file.write_text(json.dumps({"action": "opened", "pull_request": {"number": 7}}))
    return file
