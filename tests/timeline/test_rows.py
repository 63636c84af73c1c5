"""What of the boot reports is drawn where."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cluster.errors import BootReportError
from tests.timeline.reports import AGENT, LATER, SERVER, phase, report
from timeline import axis, rows


def test_machines_that_boot_together_stand_on_one_axis() -> None:
    (start,) = rows.starts({"b": AGENT, "a": SERVER})
    assert start.began == datetime(2026, 1, 2, 10, tzinfo=UTC)
    assert [(row.node, row.role, row.seconds) for row in start.rows] == [
        ("dev-servers-1", "server", 8.0),
        ("dev-agents-1", "agent", 9.0),
    ]
    assert [(bar.phase, bar.start, bar.end) for bar in start.rows[1].bars] == [
        ("identity", 1.0, 1.5),
        ("wait-for-server", 1.5, 8.0),
        ("start-k3s", 8.0, 10.0),
    ]
    assert start.seconds == 10.0


def test_a_machine_that_boots_hours_later_has_an_axis_of_its_own() -> None:
    first, second = rows.starts({"c": LATER, "a": SERVER, "b": AGENT})
    assert [row.node for row in first.rows] == ["dev-servers-1", "dev-agents-1"]
    assert second.began == datetime(2026, 1, 2, 17, 30, tzinfo=UTC)
    assert second.rows[0].bars[0].start == 0.0


def test_one_that_begins_while_another_boots_belongs_to_the_same_start() -> None:
    """However long the first one takes: three servers join one after the other."""
    slow = report("slow", phase("start-k3s", "10:00:00", 600))
    late = report("late", phase("identity", "10:10:14", 1))
    too_late = report("too-late", phase("identity", "10:10:31", 1))
    found = rows.starts({"a": slow, "b": late, "c": too_late})
    assert [[row.node for row in start.rows] for start in found] == [["slow", "late"], ["too-late"]]


def test_a_phase_that_runs_has_no_seconds() -> None:
    running = report("a", phase("start-k3s", "10:00:00"), state="running")
    (start,) = rows.starts({"a": running})
    assert start.rows[0].bars[0].seconds is None
    assert start.rows[0].state == "running"


def test_a_phase_that_failed_is_marked() -> None:
    error = {"phase": "download-k3s", "cause": "no route to host"}
    phases = (phase("identity", "10:00:00", 1), phase("download-k3s", "10:00:01", 2))
    (start,) = rows.starts({"a": report("a", *phases, state="failed", error=error)})
    assert [bar.failed for bar in start.rows[0].bars] == [False, True]
    assert start.rows[0].cause == "no route to host"


def test_a_machine_without_a_phase_comes_last() -> None:
    found = rows.starts({"a": report("a", state="running"), "b": SERVER})
    assert [(start.began is None, start.rows[0].node) for start in found] == [
        (False, "dev-servers-1"),
        (True, "a"),
    ]


def test_the_phases_have_the_longest_seconds() -> None:
    assert rows.phases(rows.starts({"a": SERVER, "b": AGENT})) == {
        "identity": 0.5,
        "start-k3s": 7.5,
        "wait-for-server": 6.5,
    }


@pytest.mark.parametrize("wrong", [None, 7, {}, {"phases": 7}, {**SERVER, "phases": [7]}])
def test_what_is_no_report_is_an_error(wrong: object) -> None:
    with pytest.raises(BootReportError):
        rows.starts({"a": wrong})


@pytest.mark.parametrize(
    ("seconds", "last", "count"),
    [(1, 1, 3), (9.9, 9, 10), (13.2, 12, 7), (59, 50, 6), (86_400, 86_400, 5), (1e9, 864e6, 2)],
)
def test_ticks_are_round_and_few(seconds: float, last: float, count: int) -> None:
    found = axis.ticks(seconds, seconds)
    assert (found[0], found[-1], len(found)) == (0, last, count)


def test_a_short_start_has_the_steps_of_the_longest() -> None:
    assert axis.ticks(4.1, 13.2) == [0, 2, 4]


def test_no_time_has_one_tick() -> None:
    assert axis.ticks(0, 1) == [0]
    assert axis.label(0.5) == "0.5 s"
    assert axis.label(12.0) == "12 s"
