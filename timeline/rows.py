"""
What is drawn: each machine's phases, in seconds since the first machine of its start began.

A report has the moment at which each phase began, by the machine's own clock. So machines that
booted together stand on one axis, and what one waits for is seen beside the other that it waits
for. One that booted later, such as a replaced agent, has an axis of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cluster import boot_report
from cluster.boot_report import BootReport, State

TOGETHER_SECONDS: Final = 15.0
"""The longest time between the end of one boot and the beginning of another of the same start."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One phase: `start` in seconds on its axis; `seconds` is None while it runs."""

    phase: str
    start: float
    seconds: float | None
    failed: bool

    @property
    def end(self) -> float:
        """Of a phase that runs, its beginning."""
        return self.start + (self.seconds or 0.0)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One machine; `cause` is why its boot failed."""

    node: str
    role: str
    state: State
    bars: tuple[Bar, ...]
    cause: str | None

    @property
    def end(self) -> float:
        """When its last phase ended; 0 without any."""
        return max((each.end for each in self.bars), default=0.0)

    @property
    def seconds(self) -> float:
        """From its first phase to the end of its last one."""
        return self.end - min((each.start for each in self.bars), default=0.0)


@dataclass(frozen=True, kw_only=True)
class Start:
    """Machines that booted together; `began` is when the first of them did, None without phases."""

    began: datetime | None
    rows: tuple[Row, ...]

    @property
    def seconds(self) -> float:
        """To the end of its last boot."""
        return max((each.end for each in self.rows), default=0.0)


def starts(reports: Mapping[str, Any]) -> list[Start]:
    """
    The output `bootReport` as starts in the order of time, servers first in each.

    Raises BootReportError where one is not a report.
    """
    parsed = [boot_report.parse(json.dumps(_completed(each))) for each in reports.values()]
    in_order = sorted((each for each in parsed if each.phases), key=_began)
    groups: list[list[BootReport]] = []
    for each in in_order:
        if groups and _began(each) <= max(map(_ended, groups[-1])) + TOGETHER_SECONDS:
            groups[-1].append(each)
        else:
            groups.append([each])
    waiting = [each for each in parsed if not each.phases]
    return [_start(each) for each in (*groups, *([waiting] if waiting else []))]


def phases(found: Sequence[Start]) -> dict[str, float]:
    """The names of all phases in the order of their first appearance, with the longest seconds."""
    longest: dict[str, float] = {}
    for start in found:
        for bar in (bar for row in start.rows for bar in row.bars):
            longest[bar.phase] = max(longest.get(bar.phase, 0.0), bar.seconds or 0.0)
    return longest


def _completed(report: Any) -> Any:
    """With the seconds of a running phase as null, which Pulumi's SDK leaves out of an output."""
    if not isinstance(report, Mapping) or not isinstance(report.get("phases"), list):
        return report
    found = report["phases"]
    completed = [{"seconds": None, **each} if isinstance(each, Mapping) else each for each in found]
    return {**report, "phases": completed}


def _began(report: BootReport) -> float:
    return min(each.started_at.timestamp() for each in report.phases)


def _ended(report: BootReport) -> float:
    return max(each.started_at.timestamp() + (each.seconds or 0.0) for each in report.phases)


def _start(reports: Sequence[BootReport]) -> Start:
    moments = [each.started_at for report in reports for each in report.phases]
    began = min(moments, default=None)
    # Servers first, since the others wait for them; among each other in the order of time.
    ordered = sorted(reports, key=lambda each: each.role != "server")
    return Start(began=began, rows=tuple(_row(each, began) for each in ordered))


def _row(report: BootReport, began: datetime | None) -> Row:
    return Row(
        node=report.node,
        role=report.role,
        state=report.state,
        bars=tuple(
            Bar(
                phase=each.name,
                start=(each.started_at - began).total_seconds() if began else 0.0,
                seconds=each.seconds,
                failed=report.state == "failed" and each.name == report.error_phase,
            )
            for each in report.phases
        ),
        cause=report.error_cause if report.state == "failed" else None,
    )
