"""What every test may rely on: no credentials of a real account, and no demo."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Collection

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests import machine_program
from toolchain import demo_shell

# Tests started from a demo's shell must not work on the demo.
demo_shell.leave(os.environ)
machine_program.install()
# Loading the SDKs makes millions of objects that stay: looking through them again and again for
# garbage is a fifth of all the time.
gc.set_threshold(200_000, 20, 100)
# jsonschema checks IRIs with a grammar that takes over a second to compile at import; the only
# ones that are validated here are those of the SBOM, whose URLs are compared in full.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

# The same examples in every run, and nothing of them kept.
settings.register_profile(
    "project", derandomize=True, database=None, deadline=None, max_examples=40
)
settings.load_profile("project")

ACCOUNT = ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
# What `make check` leaves out and `make test` runs, besides the tests that are marked slow where
# they are defined: folders by what they start, and the fixture of a folder that starts something.
SLOW_FOLDERS = {
    "tests/localcloud": "moto, and servers around it",
    "tests/recovery": "moto's server",
}
SLOW_FIXTURES = {"tests/provider": "machine"}  # an SSH server with a shell for each command
# What takes seconds to load or to start is used by one of the processes that run the tests.
IN_ONE_PROCESS = {
    "components": "pulumi_aws",
    "localcloud/aws_plugin": "moto's server",
    "localcloud/daemon": "moto",
    "recovery": "moto's server",
}
ONE_BY_ONE = ("tests/cloud_init/", "tests/provider/", "tests/repo/", "tests/localcloud/")


@pytest.fixture(autouse=True)
def _no_account_of_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ACCOUNT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if is_slow(item.nodeid, getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


def is_slow(test: str, fixtures: Collection[str]) -> bool:
    """Whether a test is slow by its folder or by its fixtures."""
    return any(test.startswith(f"{folder}/") for folder in SLOW_FOLDERS) or any(
        test.startswith(f"{folder}/") and fixture in fixtures
        for folder, fixture in SLOW_FIXTURES.items()
    )


def pytest_xdist_auto_num_workers() -> int:
    """One more than can compute at once: many tests wait for a server or a deadline."""
    return (os.cpu_count() or 1) + 1


class ByGroupThenFile(LoadScopeScheduling):
    """
    The tests of a group go to one process, those of other files to the next one that is free.

    Where tests wait for servers and deadlines, each goes by itself, so that no file is a tail.
    """

    def _split_scope(self, nodeid: str) -> str:
        for folder, name in IN_ONE_PROCESS.items():
            if nodeid.startswith(f"tests/{folder}/"):
                return name
        if nodeid.startswith(ONE_BY_ONE):
            return nodeid
        return nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return ByGroupThenFile(config, log)
