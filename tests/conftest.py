"""What every test may rely on: no credentials of a real account, and no demo."""

from __future__ import annotations

import gc
import os

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from toolchain import demo_shell

# Tests started from a demo's shell must not work on the demo.
demo_shell.leave(os.environ)
# Loading the SDKs makes millions of objects that stay: looking through them again and again for
# garbage is a fifth of all the time.
gc.set_threshold(200_000, 20, 100)

# The same examples in every run, and nothing of them kept.
settings.register_profile(
    "project", derandomize=True, database=None, deadline=None, max_examples=40
)
settings.load_profile("project")

FOREIGN = ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
# What takes seconds to load or to start is used by one of the processes that run the tests.
IN_ONE_PROCESS = {
    "components": "pulumi_aws",
    "localcloud/aws_plugin": "moto's server",
    "localcloud/daemon": "moto",
    "recovery": "moto's server",
}


@pytest.fixture(autouse=True)
def _no_account_of_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def pytest_xdist_auto_num_workers() -> int:
    """One more than can compute at once: many tests wait for a server or a deadline."""
    return (os.cpu_count() or 1) + 1


class OneProcessForEachGroup(LoadScopeScheduling):
    """Every test goes to the next process that is free, those of a group to the same one."""

    def _split_scope(self, nodeid: str) -> str:
        for folder, name in IN_ONE_PROCESS.items():
            if nodeid.startswith(f"tests/{folder}/"):
                return name
        return nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return OneProcessForEachGroup(config, log)
