"""The time at which a cluster ends: as text, as units of a machine, and as a refusal."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from boot.expiry import UNITS
from cluster import expiry

END = datetime(2026, 11, 29, 22, 0, tzinfo=UTC)
TEXT = "2026-11-29T22:00:00Z"


def test_a_time_is_rendered_and_parsed_to_the_second() -> None:
    assert expiry.render(END + timedelta(microseconds=5)) == TEXT
    assert expiry.parse(TEXT) == END
    assert len(expiry.LONGEST) == len(TEXT)


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-11-29", "2026-11-29T22:00:00", "2026-13-29T22:00:00Z", None, 7]
)
def test_anything_else_is_no_time(text: object) -> None:
    assert expiry.parse(text) is None


def test_a_time_is_over_from_its_second_on() -> None:
    assert expiry.is_over(TEXT, END)
    assert not expiry.is_over(TEXT, END - timedelta(seconds=1))
    assert not expiry.is_over(None, END)


def test_machines_that_may_have_ended_are_named_once_the_key_is_removed() -> None:
    outputs = {"expiresAt": TEXT}
    (warning,) = expiry.warnings(None, outputs, END)
    assert "had an end at 2026-11-29T22:00:00Z" in str(warning)
    assert "pulumi up --refresh" in str(warning)
    assert expiry.warnings(None, outputs, END - timedelta(seconds=1)) == ()
    assert expiry.warnings(None, {}, END) == ()


def test_with_the_key_the_outputs_of_the_last_successful_update_decide_nothing() -> None:
    """They are older than the state of Expiry where a prolongation failed at one node."""
    assert expiry.warnings(8 * 3600, {"expiresAt": TEXT}, END) == ()


def test_a_change_brings_the_units_that_user_data_has() -> None:
    units = {path.rsplit("/", 1)[1]: text for path, text in expiry.units(TEXT).items()}
    day = "2026-11-29 22:00:00"
    assert {name: each.format(time=TEXT, day=day) for name, each in UNITS.items()} == units


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_systemd_reads_the_time_of_the_timer() -> None:
    (line,) = [
        each
        for text in expiry.units(TEXT).values()
        for each in text.splitlines()
        if each.startswith("OnCalendar=")
    ]
    words = ["systemd-analyze", "calendar", line.partition("=")[2]]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "2026-11-29 22:00:00 UTC" in done.stdout


@pytest.mark.parametrize(("hours", "ends"), [(-1, True), (1, False)])
def test_the_service_ends_the_machine_only_after_the_time(hours: int, ends: bool) -> None:
    time = expiry.render(datetime.now(UTC) + timedelta(hours=hours))
    (line,) = [
        each
        for text in expiry.units(time).values()
        for each in text.splitlines()
        if each.startswith("ExecStart=")
    ]
    # As systemd reads it: a percent sign is written twice.
    shell = line.partition("-c ")[2].strip("'").replace("%%", "%")
    shell = shell.replace("systemctl poweroff", "echo ended")
    done = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, text=True, check=True)
    assert (done.stdout == "ended\n") is ends
