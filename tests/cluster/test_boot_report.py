"""A machine's boot report, formatted in one line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cluster import boot_report
from cluster.errors import BootReportError

IDENTITY = {"name": "identity", "startedAt": "2026-11-24T03:00:00.000Z", "seconds": 0.25}
DOWNLOAD = {"name": "download-k3s", "startedAt": "2026-11-24T03:00:00.250Z", "seconds": None}
NOW = datetime(2026, 11, 24, 3, 0, 3, 450_000, tzinfo=UTC)


def text(**changes: Any) -> str:
    content = {
        "schema": 1,
        "node": "demo-agents-1a2b3c4d",
        "instanceId": "i-0123",
        "role": "agent",
        "state": "running",
        "phases": [IDENTITY, DOWNLOAD],
        "error": None,
        "k3s": None,
    }
    return json.dumps(content | changes)


BROKEN = [text(state="sleeping"), text(phases=[{}]), text(phases=None), text(error=7)]


def test_a_running_phase_is_formatted_with_its_seconds() -> None:
    assert boot_report.parse(text()).describe(NOW) == "download-k3s, 3.2 s"


def test_without_a_clock_a_running_phase_is_formatted_as_its_name() -> None:
    assert boot_report.parse(text()).describe() == "download-k3s"


def test_a_machine_whose_clock_is_ahead_has_no_negative_seconds() -> None:
    early = datetime(2026, 11, 24, 2, tzinfo=UTC)
    assert boot_report.parse(text()).describe(early) == "download-k3s, 0.0 s"


def test_a_boot_before_its_first_phase_is_starting() -> None:
    assert boot_report.parse(text(phases=[])).describe(NOW) == "starting"


def test_a_finished_boot_is_formatted_with_the_seconds_of_all_phases() -> None:
    report = boot_report.parse(text(state="done", phases=[IDENTITY, DOWNLOAD | {"seconds": 3.0}]))
    assert report.describe() == "done, 3.2 s"
    assert report.seconds == 3.25


def test_a_failure_is_formatted_with_its_phase_and_cause() -> None:
    report = boot_report.parse(text(state="failed", error={"phase": "secrets", "cause": "no role"}))
    assert report.describe(NOW) == "failed in secrets: no role"
    assert (report.error_phase, report.error_cause) == ("secrets", "no role")


def test_the_known_fields_of_a_report_are_kept() -> None:
    full = text(
        state="failed",
        error={"phase": "download-k3s", "cause": "no route\n    see the log"},
        k3s={"version": "v1.36.5+k3s1", "sha256": "ab" * 32},
    )
    assert boot_report.parse(full).content == json.loads(full)


@pytest.mark.parametrize("signature", ["c44067f5952c0a294b673a41bacd8c17", "anything"])
def test_what_is_no_field_of_a_report_is_left_out(signature: str) -> None:
    asset = {"4dabf18193072939515e22adb298388d": signature, "path": "/etc/hostname"}
    wanted = json.loads(text())
    assert boot_report.parse(text(x=asset)).content == wanted
    assert boot_report.parse(text(**asset)).content == wanted
    assert boot_report.parse(text(phases=[{**IDENTITY, **asset}])).content["phases"] == [IDENTITY]


def test_the_text_of_a_machine_does_nothing_to_a_terminal_or_a_runner() -> None:
    hostile = "x\x1b]0;a\x07\n::add-mask::y"
    report = boot_report.parse(
        text(state="failed", node=hostile, error={"phase": hostile, "cause": hostile * 99})
    )
    assert report.node == "x?]0;a? : :add-mask::y"
    assert report.describe().isprintable()
    assert "\n::" not in (report.error_cause or "")
    assert len(report.error_cause or "") <= 4000
    running = boot_report.parse(text(phases=[{**DOWNLOAD, "name": hostile}]))
    assert running.describe() == "x?]0;a? : :add-mask::y"


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "{",
        "[]",
        "{}",
        text(state="sleeping"),
        text(phases=[{}]),
        text(phases=None),
        text(error=7),
        text(node={"4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17"}),
        text(node="x" * 254),
        text(instanceId=7),
        text(role=None),
        text(schema=True),
        text(phases=[IDENTITY] * 101),
        text(phases=[{**IDENTITY, "name": ["a"]}]),
        text(phases=[{**IDENTITY, "name": "a" * 65}]),
        text(phases=[{**IDENTITY, "seconds": float("nan")}]),
        text(phases=[{**IDENTITY, "seconds": float("inf")}]),
        text(phases=[{**IDENTITY, "seconds": -1}]),
        text(phases=[{**IDENTITY, "seconds": True}]),
        text(phases=[{**IDENTITY, "startedAt": "2026-11-24T03:00:00"}]),
        text(phases=[{**IDENTITY, "startedAt": "0001-01-01T00:00:00+23:00"}]),
        text(phases=[{**IDENTITY, "startedAt": 7}]),
        text(error={"phase": "a", "cause": ["b"]}),
        text(k3s="v1.36.5"),
        "[" * 100_000,
        '{"schema": ' * 100_000,
    ],
)
def test_an_invalid_report_is_rejected(broken: str) -> None:
    with pytest.raises(BootReportError) as rejection:
        boot_report.parse(broken)
    first, second = str(rejection.value).splitlines()
    assert first.startswith(("the boot report cannot be read: ", "the boot report has schema True"))
    assert len(first) < 300
    assert second.startswith("    ")


def test_a_report_of_another_schema_is_rejected_with_both_versions() -> None:
    with pytest.raises(BootReportError) as rejection:
        boot_report.parse(text(schema=2))
    assert str(rejection.value).splitlines() == [
        "the boot report has schema 2, this program reads 1",
        "    replace the machine, or use the program that made it",
    ]
