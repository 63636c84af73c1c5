"""The end of a cluster: counted from its beginning, whatever is updated later."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.provider.rpc import Failed, FastClock, Rpc, plugin

EXPIRY = "k3s:index:Expiry"
FOUR, EIGHT, ONE = ({"ttlSeconds": hours * 3600} for hours in (4, 8, 1))


class Moved(FastClock):
    """A clock that is so many hours ahead."""

    hours = 0

    def now(self) -> datetime:
        return super().now() + timedelta(hours=self.hours)


def time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_the_time_begins_with_the_creation(rpc: Rpc) -> None:
    _, known = rpc.create(EXPIRY, FOUR)
    assert time(known["expiresAt"]) - time(known["beganAt"]) == timedelta(hours=4)
    assert known["expiresAt"].endswith("Z")


def test_an_update_without_changes_does_not_move_it() -> None:
    clock = Moved()
    with plugin(clock) as rpc:
        _, known = rpc.create(EXPIRY, FOUR)
        clock.hours = 3
        assert list(rpc.diff(EXPIRY, FOUR, FOUR, known).diffs) == []


def test_another_duration_counts_from_the_same_beginning_and_the_preview_shows_it() -> None:
    clock = Moved()
    with plugin(clock) as rpc:
        _, known = rpc.create(EXPIRY, FOUR)
        clock.hours = 3
        assert list(rpc.diff(EXPIRY, FOUR, EIGHT, known).replaces) == []
        planned = rpc.update(EXPIRY, known, FOUR, EIGHT, preview=True)
        done = rpc.update(EXPIRY, known, FOUR, EIGHT)
        assert planned == done
        assert time(done["expiresAt"]) - time(known["expiresAt"]) == timedelta(hours=4)
        assert done["beganAt"] == known["beganAt"]


@pytest.mark.parametrize("preview", [True, False])
def test_a_duration_that_is_over_already_is_refused(preview: bool) -> None:
    clock = Moved()
    with plugin(clock) as rpc:
        _, known = rpc.create(EXPIRY, FOUR)
        clock.hours = 3
        with pytest.raises(Failed, match="choose a longer one, or end the cluster"):
            rpc.update(EXPIRY, known, FOUR, ONE, preview=preview)


@pytest.mark.parametrize("after", [FOUR, EIGHT])
def test_after_the_end_nothing_is_changed_any_more(after: dict[str, int]) -> None:
    clock = Moved()
    with plugin(clock) as rpc:
        _, known = rpc.create(EXPIRY, FOUR)
        clock.hours = 5
        with pytest.raises(Failed, match="remove the rest with pulumi destroy"):
            rpc.diff(EXPIRY, FOUR, after, known)
        # What pulumi destroy does works.
        rpc.delete(EXPIRY, known)
