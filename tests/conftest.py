"""What every test may rely on: no credentials of a real account, and no demo."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

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
BOOTS = (
    *("aws", "backup", "backups", "change", "data_version", "datastore", "download", "drain"),
    *("k3s", "main", "readiness", "report", "restore", "secrets", "snapshot", "ssh", "start"),
    *("tokens", "volume"),
)
# What `make check` leaves out and `make test` runs, besides the tests that are marked slow where
# they are defined: folders and files by what they start, and a folder's fixture that starts it.
SLOW_PLACES = (
    *("localcloud", "recovery"),  # moto, and servers around it
    # Servers that send without an end, or a byte now and then.
    *("provider/ssh", "provider/kubernetes/test_transport.py", "components/test_caller_address.py"),
    # Boots of simulated machines, with requests to simulated services.
    *(f"cloud_init/test_{each}.py" for each in BOOTS),
    "cluster/test_properties.py",  # hundreds of configurations for each test
    # Servers and processes that do not respond in time.
    *(f"toolchain/test_{each}.py" for each in ("docker_engine", "download", "packages")),
    # A whole cluster for each test.
    *(f"components/test_{each}.py" for each in ("backups", "bom", "changes", "data_volume")),
    *(f"components/test_{each}.py" for each in ("endpoint", "restore", "rollout", "variants")),
    *(f"components/test_{each}.py" for each in ("k3s_cluster", "instance_states")),
    # Clients of AWS, whose SDK each process would load.
    *(f"components/test_{each}.py" for each in ("account", "console", "lookups")),
    *("k3s_aws/test_k3s_cluster.py", "policy/test_examples.py", "policy/test_user_data.py"),
    *("components/test_program.py", "repo/test_state_names.py"),
    # Hundreds of comments for each test, and fakes of REST APIs.
    *(f"review/test_{each}.py" for each in ("comment", "damaged_logs", "forgery")),
    *("review/test_posting.py", "review/test_posting_errors.py"),
    "cost/test_refresh.py",  # a server of price lists
    # Commands in processes of their own.
    *("ci/test_connect.py", "ci/test_documented_lines.py", "bench/test_job_start.py"),
    "pipelines/test_job_scripts.py",
)
# In tests/provider: an SSH server with a shell for each command, and an HTTPS server with keys.
SLOW_FIXTURES = [("provider", "machine"), ("provider", "api")]
# What takes seconds to load or to start is used by one of the processes that run the tests.
IN_ONE_PROCESS = {
    "localcloud/aws_plugin": "moto's server",
    "localcloud/daemon": "moto",
    "recovery": "moto's server",
    # The one that is first makes the image of the other architecture, in ten minutes.
    "localcloud/test_demo_commands.py": "the emulated machine image",
    "localcloud/test_emulation.py": "the emulated machine image",
}
# The tests of the local cloud that take several minutes, the longest first: what is short comes at
# the end, when the processes should finish together.
LONGEST_FIRST = (
    *(f"localcloud/test_{each}.py" for each in ("examples", "access", "cluster")),
    *("localcloud/pipelines", "localcloud/test_server_replacement.py"),
    *(f"localcloud/test_{each}.py" for each in ("servers", "backup", "shutdown", "upgrade")),
    *(f"localcloud/test_{each}.py" for each in ("identities", "expiry", "rollout", "isolation")),
)
# What lines with a measurement begin with.
MEASURED = "measured: "
# Where tests wait for servers and deadlines, start processes, or have a cluster built each: a whole
# file would be a tail.
ONE_BY_ONE = (
    *("cloud_init", "provider", "localcloud"),
    *("repo/test_command_lines.py", "repo/test_state_names.py"),
)


@pytest.fixture(autouse=True)
def _no_account_of_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ACCOUNT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _rank(item.nodeid))
    for item in items:
        if is_slow(item.nodeid, getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


def _rank(test: str) -> int:
    """Where a test stands in LONGEST_FIRST, behind which all others keep their order."""
    ranks = [rank for rank, place in enumerate(LONGEST_FIRST) if _is_in([place], test)]
    return min(ranks, default=len(LONGEST_FIRST))


def pytest_collection_finish() -> None:
    # What the imports made stays to the end; pytest's own search for garbage need not look at it.
    gc.freeze()


def is_slow(test: str, fixtures: Collection[str]) -> bool:
    """Whether a test is slow by its place or by its fixtures."""
    return _is_in(SLOW_PLACES, test) or any(
        _is_in([folder], test) and fixture in fixtures for folder, fixture in SLOW_FIXTURES
    )


def _is_in(places: Collection[str], test: str) -> bool:
    """Whether a test is in one of the folders and files, which are named from tests/."""
    return any(f"{test.partition('::')[0]}/".startswith(f"tests/{place}/") for place in places)


def pytest_xdist_auto_num_workers() -> int:
    """One more than can compute at once: many tests wait for a server or a deadline."""
    return (os.cpu_count() or 1) + 1


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints what tests of the local cloud have measured, also where they passed."""
    measured = [
        f"{report.nodeid.rpartition('::')[2]}: {line}"
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for line in report.capstdout.splitlines()
        if line.startswith(MEASURED)
    ]
    if measured:
        terminalreporter.section("measured")
        terminalreporter.write_line("\n".join(measured))


class ByGroupThenFile(LoadScopeScheduling):
    """The tests of a group go to one process, those of other files to the next that is free."""

    def _split_scope(self, nodeid: str) -> str:
        for folder, name in IN_ONE_PROCESS.items():
            if _is_in([folder], nodeid):
                return name
        file = nodeid.partition("::")[0]
        shares_cluster = Path(file).parent == Path("tests/localcloud")
        return nodeid if _is_in(ONE_BY_ONE, nodeid) and not shares_cluster else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return ByGroupThenFile(config, log)
