"""One run of all measurements, in their order."""

from __future__ import annotations

import os

from bench import checks, many, results
from bench.environment import prepare
from bench.startup import StartUps
from bench.unchanged import unchanged
from localcloud.workbench.folder import Folder
from toolchain.host import Host
from toolchain.progress import Say

# A third more or less from one to the next is usual on two processors.
START_UPS = 5
REPEATS = 5
CHECKS = 3
# Agents.
LARGE = 100
LARGE_REPEATS = 3
VERY_LARGE = 1000


def measure(folder: Folder, host: Host, say: Say) -> results.Results:
    """Measures everything, floor and program in turn. Raises LocalCloudError, ToolchainError."""
    say("==> make check")
    check_seconds = checks.seconds(folder.places.root, CHECKS)
    with prepare(folder, host, say) as bench:
        starts = StartUps(bench)
        for number in range(1, START_UPS + 1):
            say(f"==> start-up {number} of {START_UPS}")
            starts.by_hand()
            starts.by_program(leave=number == START_UPS)
        say("==> without changes")
        same = unchanged(bench, REPEATS)
        say("==> large clusters")
        large = many.preview(bench, LARGE, LARGE_REPEATS)
        memory = many.memory(bench, VERY_LARGE)
        return results.Results(
            k3s=f"{bench.k3s.kind}, {bench.k3s.version}",
            aws_plugin=bench.aws_plugin,
            processors=os.cpu_count() or 1,
            comparisons=[starts.comparison, *same, large],
            boot=starts.boot,
            up_seconds=starts.up_seconds,
            memory=memory,
            check_seconds=check_seconds,
        )
