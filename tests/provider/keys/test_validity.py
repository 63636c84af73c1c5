"""When a certificate is due for renewal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from provider.keys.validity import Validity

ISSUED = datetime(2026, 1, 1, tzinfo=UTC)
OF_90_DAYS = Validity(issued=ISSUED, expires=ISSUED + timedelta(days=90))


@pytest.mark.parametrize(("days", "due"), [(0, False), (59, False), (60, True), (91, True)])
def test_a_certificate_is_due_in_the_last_third_of_its_life(days: int, due: bool) -> None:
    assert OF_90_DAYS.due(ISSUED + timedelta(days=days)) is due


@pytest.mark.parametrize(("days", "due"), [(60, False), (79, False), (80, True)])
def test_it_is_due_no_earlier_than_it_can_be_renewed(days: int, due: bool) -> None:
    assert OF_90_DAYS.due(ISSUED + timedelta(days=days), at_most=timedelta(days=10)) is due


def test_the_outputs_have_both_times_in_utc_and_are_read_back() -> None:
    outputs = OF_90_DAYS.outputs

    assert outputs == {"issuedAt": "2026-01-01T00:00:00Z", "expiresAt": "2026-04-01T00:00:00Z"}
    assert Validity.of_outputs(outputs) == OF_90_DAYS
    assert Validity.of_outputs({"expiresAt": "2026-04-01T00:00:00Z"}) is None
