"""Bars in a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tests.timeline.reports import AGENT, LATER, SERVER, phase, report
from timeline import rows, terminal


def printed(console: Console, **reports: object) -> str:
    return terminal.bars(rows.starts(reports), console)


def console_of(width: int, *, terminal: bool = False) -> Console:
    return Console(
        file=io.StringIO(),
        width=width,
        force_terminal=terminal,
        _environ={"TERM": "xterm-256color"},
    )


def test_each_phase_has_a_letter_and_its_length() -> None:
    assert printed(console_of(63), a=SERVER, b=AGENT, c=LATER).splitlines() == [
        "boot from 2026-01-02 10:00:00 UTC",
        "dev-servers-1  aabbbbbbbbbbbbbbbbbbbbbbbbbbbbb 8.0 s",
        "dev-agents-1       aacccccccccccccccccccccccccbbbbbbbb 9.0 s",
        "boot from 2026-01-02 17:30:00 UTC",
        "dev-agents-2   aaaa 1.0 s",
        "a identity 1.0 s   b start-k3s 7.5 s   c wait-for-server 6.5 s",
    ]


@pytest.mark.parametrize("width", [40, 80, 100, 400])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    long = report("n" * 253, *(phase(f"phase-{at}", f"10:00:{at:02}", 1) for at in range(30)))
    error = {"phase": "phase-1", "cause": "x" * 500}
    failed = {**long, "state": "failed", "error": error}
    lines = printed(console_of(width), a=long, b=failed).splitlines()
    assert max(map(len, lines)) <= max(min(width, terminal.WIDEST), 60)


def test_colors_are_for_a_terminal_only() -> None:
    assert "\x1b[" in printed(console_of(80, terminal=True), a=SERVER)
    assert "\x1b[" not in printed(console_of(80), a=SERVER)


def test_a_machine_paints_no_color_and_moves_no_cursor() -> None:
    hostile = report("\x1b[31mred[/]", phase("[bold]p[/bold]", "10:00:00", 1))
    text = printed(console_of(80), a=hostile)
    assert "\x1b" not in text
    assert "?[31mred[/]" in text
    assert "[bold]p[/bold]" in text


def test_without_machines_nothing_is_printed() -> None:
    assert printed(console_of(80)) == ""
