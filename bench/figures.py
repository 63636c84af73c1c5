"""What single measurements found: as text and as it stands in the results file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from localcloud.workbench.api_client import Seen


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
        limit = goal(f"{self.goal} or less", reached=self.ratio <= self.goal) if self.goal else ""
        return (
            f"{self.what:<36} {median(self.program_seconds):6.2f} s  {self.ratio:5.2f} x{limit}\n"
            f"    {self.floor:<32} {median(self.floor_seconds):6.2f} s"
        )

    @property
    def content(self) -> dict[str, Any]:
        """As in the results file."""
        return {
            "what": self.what,
            "floor": self.floor,
            "floorSeconds": rounded(self.floor_seconds),
            "programSeconds": rounded(self.program_seconds),
            "ratio": round(self.ratio, 3),
            "goal": self.goal,
        }


@dataclass(frozen=True, kw_only=True)
class Start:
    """
    How clusters of one shape start.

    `boot` has, for each part of the servers' start, the seconds of every repetition; `up_seconds`
    what the operator waited for the whole `pulumi up`.
    """

    comparison: Comparison
    boot: Mapping[str, Sequence[float]]
    up_seconds: Sequence[float]

    def __str__(self) -> str:
        parts = [f"    {name:<48} {median(each):6.2f} s" for name, each in self.boot.items()]
        return "\n".join(
            [
                f"where it goes: {self.comparison.what}, medians",
                *parts,
                f"{'the whole `pulumi up`':<52} {median(self.up_seconds):6.2f} s",
            ]
        )

    @property
    def boot_content(self) -> dict[str, list[float]]:
        """The parts as in the results file."""
        return {name: rounded(each) for name, each in self.boot.items()}


@dataclass(frozen=True, kw_only=True)
class Event:
    """
    A `pulumi up` that changes a cluster while a client reads and writes twice a second: the seconds
    of every repetition, and what the client saw of it. The goal is that no write is lost.
    """

    what: str
    seconds: Sequence[float]
    seen: Sequence[Seen]

    def __str__(self) -> str:
        gap = max(each.gap_seconds for each in self.seen)
        lost = sum(len(each.lost) for each in self.seen)
        writes = sum(each.writes for each in self.seen)
        return (
            f"{self.what:<36} {median(self.seconds):6.2f} s   API gap {gap:.1f} s\n"
            f"    {f'{lost} lost of {writes} writes':<32}{goal('none', reached=lost == 0)}"
        )

    @property
    def content(self) -> dict[str, Any]:
        """As in the results file."""
        return {
            "what": self.what,
            "seconds": rounded(self.seconds),
            "apiGapSeconds": rounded([each.gap_seconds for each in self.seen]),
            "writes": [each.writes for each in self.seen],
            "lostWrites": [len(each.lost) for each in self.seen],
            "failedWrites": [each.failed_writes for each in self.seen],
            "reads": [each.reads for each in self.seen],
            "failedReads": [each.failed_reads for each in self.seen],
        }


def goal(limit: str, *, reached: bool) -> str:
    """The goal behind a figure, and whether it was missed."""
    return f"   (goal: {limit}{'' if reached else '; NOT REACHED'})"


def rounded(seconds: Sequence[float]) -> list[float]:
    """Seconds as in the results file."""
    return [round(each, 3) for each in seconds]
