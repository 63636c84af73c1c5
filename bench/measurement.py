"""One run of all measurements, in their order."""

from __future__ import annotations

import os

from bench import many, results
from bench.environment import laboratory
from bench.startup import StartUps
from bench.unchanged import unchanged
from localcloud.workbench.folder import Folder
from toolchain.host import Host
from toolchain.progress import Say

# A third more or less from one to the next is usual on two processors.
START_UPS = 5
REPEATS = 5
# Agents.
LARGE = 100
LARGE_REPEATS = 3
VERY_LARGE = 1000


def measure(folder: Folder, host: Host, say: Say) -> results.Results:
    """Measures everything, floor and program in turn. Raises LocalCloudError, ToolchainError."""
    with laboratory(folder, host, say) as lab:
        starts = StartUps(lab)
        for number in range(1, START_UPS + 1):
            say(f"==> start-up {number} of {START_UPS}")
            starts.by_hand()
            starts.by_program(leave=number == START_UPS)
        say("==> without changes")
        same = unchanged(lab, REPEATS)
        say("==> large clusters")
        large = many.preview(lab, LARGE, LARGE_REPEATS)
        memory = many.memory(lab, VERY_LARGE)
        return results.Results(
            k3s=f"{lab.k3s.kind}, {lab.k3s.version}",
            aws_plugin=lab.aws_plugin,
            processors=os.cpu_count() or 1,
            comparisons=[starts.comparison, *same, large],
            boot=starts.boot,
            up_seconds=starts.up_seconds,
            memory=memory,
        )
