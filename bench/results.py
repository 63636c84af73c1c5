"""What was measured, as ratios of medians: as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.checks import GOAL_SECONDS
from bench.figures import Comparison, Event, Start, goal, rounded
from bench.job_start import JobStart


@dataclass(frozen=True, kw_only=True)
class Results:
    """
    Everything one run measured.

    `start` is that of one server with its agents, `servers_start` that of several, `job_start` that
    of a pipeline's job; `memory` what each part of the preview of a very large cluster holds at
    most, in MiB; `check_seconds` how long `make check` takes with warm caches; `not_measured` what
    could not be, and why.
    """

    k3s: str
    aws_plugin: str
    processors: int
    start: Start
    servers_start: Start
    job_start: JobStart
    comparisons: Sequence[Comparison]
    events: Sequence[Event]
    not_measured: Sequence[str]
    memory: Mapping[str, int]
    check_seconds: Sequence[float]

    def __str__(self) -> str:
        check = median(self.check_seconds)
        limit = goal(f"{GOAL_SECONDS:.0f} s or less", reached=check <= GOAL_SECONDS)
        lines = [
            f"k3s         {self.k3s}",
            f"aws plugin  {self.aws_plugin}",
            f"processors  {self.processors}",
            "",
            *(str(each) for each in self._all_comparisons),
            "",
            "while a client reads and writes twice a second",
            *(str(each) for each in self.events),
            *(f"not measured: {each}" for each in self.not_measured),
            "",
            str(self.start),
            "",
            str(self.servers_start),
            "",
            str(self.job_start),
            "",
            "memory of the preview of 1,000 agents, peaks",
            *(f"    {name:<32} {used:6d} MiB" for name, used in self.memory.items()),
            "",
            f"{'`make check`, warm':<36} {check:6.2f} s        {limit}",
        ]
        return "\n".join(lines)

    @property
    def _all_comparisons(self) -> Sequence[Comparison]:
        return [self.start.comparison, self.servers_start.comparison, *self.comparisons]

    @property
    def json(self) -> str:
        """The content of the results file."""
        content = {
            "k3s": self.k3s,
            "awsPlugin": self.aws_plugin,
            "processors": self.processors,
            "comparisons": [each.content for each in self._all_comparisons],
            "events": [each.content for each in self.events],
            "notMeasured": list(self.not_measured),
            "bootSeconds": self.start.boot_content,
            "upSeconds": rounded(self.start.up_seconds),
            "serversBootSeconds": self.servers_start.boot_content,
            "serversUpSeconds": rounded(self.servers_start.up_seconds),
            "jobStartSeconds": self.job_start.content,
            "memoryMiB": dict(self.memory),
            "checkSeconds": rounded(self.check_seconds),
        }
        return json.dumps(content, indent=2) + "\n"
