"""Snapshots that have stopped are noticed by whoever lists them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from recovery import __main__ as command
from recovery import snapshots
from recovery.snapshots import Snapshot

NOW = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)
URL = "s3://kept/snapshots/demo/"
DAMAGED = Snapshot(url=f"{URL}20261124T150000Z-a", problem="it has 4 bytes, its description 5")


def taken(at: datetime, hours: int = 6) -> Snapshot:
    return Snapshot(
        url=f"{URL}{at:%Y%m%dT%H%M%SZ}-a",
        taken_at=f"{at:%Y-%m-%dT%H:%M:%SZ}",
        every_hours=hours,
    )


def test_a_snapshot_after_which_two_were_missed_is_overdue() -> None:
    problem = snapshots.overdue([taken(NOW - timedelta(hours=13))], NOW)
    assert problem is not None
    assert problem.startswith(
        "the newest that can be restored is 13 hours old, and one is due every 6: "
    )
    # A newer one that nobody can restore changes nothing.
    assert snapshots.overdue([DAMAGED, taken(NOW - timedelta(hours=13))], NOW) == problem


@pytest.mark.parametrize(
    "found",
    [
        [],
        [taken(NOW - timedelta(hours=12))],
        [taken(NOW - timedelta(hours=1)), taken(NOW - timedelta(days=9))],
        # Of a release that did not say how often.
        [taken(NOW - timedelta(days=9), hours=0)],
    ],
)
def test_snapshots_that_may_be_followed_are_not(found: list[Snapshot]) -> None:
    assert snapshots.overdue(found, NOW) is None


def test_snapshots_none_of_which_can_be_restored_are_a_problem() -> None:
    problem = snapshots.overdue([DAMAGED, replace(taken(NOW), problem="there is no x")], NOW)
    assert problem is not None
    assert problem.startswith("none of these can be restored")


def test_the_list_is_complete_and_status_1_means_that_snapshots_have_stopped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [taken(NOW - timedelta(days=300))]
    monkeypatch.setattr(snapshots, "of_stack", lambda stack, folder: found)

    assert command.main(["snapshots", "--json"]) == 1
    printed = capsys.readouterr()
    assert [each["url"] for each in json.loads(printed.out)] == [found[0].url]
    assert printed.err.startswith("warning: the newest that can be restored is ")

    # Of a stack that is gone, where none can follow.
    assert command.main(["snapshots", "--folder", URL]) == 0
    assert capsys.readouterr().err == ""
