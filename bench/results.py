"""What was measured, as ratios of medians: as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.checks import GOAL_SECONDS


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The same thing done by the floor and by the program, each so many times, in seconds."""

    what: str
    floor: str
    floor_seconds: Sequence[float]
    program_seconds: Sequence[float]
    goal: float | None = None

    @property
    def ratio(self) -> float:
        """The program's median over the floor's; 1 is no cost at all."""
        return median(self.program_seconds) / median(self.floor_seconds)

    def __str__(self) -> str:
        goal = f"   (goal: {self.goal} or less)" if self.goal else ""
        return (
            f"{self.what:<36} {median(self.program_seconds):6.2f} s  {self.ratio:5.2f} x{goal}\n"
            f"    {self.floor:<32} {median(self.floor_seconds):6.2f} s"
        )

    @property
    def content(self) -> dict[str, Any]:
        """As in the results file."""
        return {
            "what": self.what,
            "floor": self.floor,
            "floorSeconds": _rounded(self.floor_seconds),
            "programSeconds": _rounded(self.program_seconds),
            "ratio": round(self.ratio, 3),
            "goal": self.goal,
        }


@dataclass(frozen=True, kw_only=True)
class Results:
    """
    Everything one run measured.

    `boot` has, for each part of the machines' start, the seconds of every repetition;
    `up_seconds` what the operator waited for the whole `pulumi up`, `memory` what each part of
    the preview of a very large cluster holds at most, in MiB; `check_seconds` how long `make check`
    takes with warm caches.
    """

    k3s: str
    aws_plugin: str
    processors: int
    comparisons: Sequence[Comparison]
    boot: Mapping[str, Sequence[float]]
    up_seconds: Sequence[float]
    memory: Mapping[str, int]
    check_seconds: Sequence[float]

    def __str__(self) -> str:
        parts = [f"    {name:<32} {median(each):6.2f} s" for name, each in self.boot.items()]
        lines = [
            f"k3s         {self.k3s}",
            f"aws plugin  {self.aws_plugin}",
            f"processors  {self.processors}",
            "",
            *(str(each) for each in self.comparisons),
            "",
            "where the start-up goes, medians",
            *parts,
            f"{'the whole `pulumi up`':<36} {median(self.up_seconds):6.2f} s",
            "",
            "memory of the preview of 1,000 agents, peaks",
            *(f"    {name:<32} {used:6d} MiB" for name, used in self.memory.items()),
            "",
            f"{'`make check`, warm':<36} {median(self.check_seconds):6.2f} s           "
            f"(goal: {GOAL_SECONDS:.0f} s or less)",
        ]
        return "\n".join(lines)

    @property
    def json(self) -> str:
        """The content of the results file."""
        content = {
            "k3s": self.k3s,
            "awsPlugin": self.aws_plugin,
            "processors": self.processors,
            "comparisons": [each.content for each in self.comparisons],
            "bootSeconds": {name: _rounded(each) for name, each in self.boot.items()},
            "upSeconds": _rounded(self.up_seconds),
            "memoryMiB": dict(self.memory),
            "checkSeconds": _rounded(self.check_seconds),
        }
        return json.dumps(content, indent=2) + "\n"


def _rounded(seconds: Sequence[float]) -> list[float]:
    return [round(each, 3) for each in seconds]
