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


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("after", [FOUR, EIGHT])
def test_after_the_end_every_update_is_refused(after: dict[str, int], preview: bool) -> None:
    clock = Moved()
    with plugin(clock) as rpc:
        _, known = rpc.create(EXPIRY, FOUR)
        clock.hours = 5
        # The engine asks for no update where nothing differs.
        assert "expiresAt" in rpc.diff(EXPIRY, FOUR, after, known).diffs
        with pytest.raises(Failed, match="remove the rest with pulumi destroy"):
            rpc.update(EXPIRY, known, FOUR, after, preview=preview)


def test_after_the_end_a_refresh_and_a_destroy_are_possible() -> None:
    clock = Moved()
    with plugin(clock) as rpc:
        _, known = rpc.create(EXPIRY, FOUR)
        clock.hours = 5
        # As the engine's refresh: what it read, then how that differs.
        assert rpc.read(EXPIRY, known, FOUR) == known
        assert list(rpc.diff(EXPIRY, FOUR, FOUR, known).replaces) == []
        rpc.delete(EXPIRY, known)
