"""One run of all measurements, in their order."""

from __future__ import annotations

import os

from bench import checks, many, results
from bench.environment import prepare
from bench.events import Events
from bench.job_start import Jobs
from bench.shape import ONE_SERVER, THREE_SERVERS
from bench.startup import StartUps
from bench.unchanged import unchanged
from localcloud.workbench.folder import Folder
from toolchain.host import Host
from toolchain.progress import Say

# A third more or less from one to the next is usual on two processors; all of it is to take a
# quarter of an hour.
START_UPS = 3
REPEATS = 3
JOBS = 2
CHECKS = 2
# Agents.
LARGE = 100
LARGE_REPEATS = 2
VERY_LARGE = 1000
# Of what changes one server; ten agents are ten already.
EVENTS = 1


def measure(folder: Folder, host: Host, say: Say) -> results.Results:
    """Measures everything, floor and program in turn. Raises LocalCloudError, ToolchainError."""
    say("==> make check")
    check_seconds = checks.seconds(folder.places.root, CHECKS)
    with prepare(folder, host, say) as bench:
        servers_start = StartUps(bench, THREE_SERVERS).repeat(START_UPS, leave=False)
        job_start = Jobs(bench, ONE_SERVER).repeat(JOBS)
        start = StartUps(bench, ONE_SERVER).repeat(START_UPS, leave=True)
        say("==> without changes")
        same = unchanged(bench, REPEATS)
        say("==> large clusters")
        large = many.preview(bench, LARGE, LARGE_REPEATS)
        memory = many.memory(bench, VERY_LARGE)
        say("==> while a client reads and writes")
        events = Events(bench)
        measured = [
            events.replace_server(EVENTS),
            *events.upgrade(EVENTS),
            # Last: what is measured on a small cluster comes before.
            events.roll_agents(),
        ]
        return results.Results(
            k3s=f"{bench.k3s.kind}, {bench.k3s.version}",
            aws_plugin=bench.aws_plugin,
            processors=os.cpu_count() or 1,
            start=start,
            servers_start=servers_start,
            job_start=job_start,
            comparisons=[*same, large],
            events=measured,
            not_measured=events.not_measured,
            memory=memory,
            check_seconds=check_seconds,
        )
