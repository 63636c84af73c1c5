"""The starts of a cluster as bars in a terminal, with a letter for each phase."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rich.console import Console, Group
from rich.text import Text

from cluster import untrusted_text
from timeline import rows
from timeline.rows import Row, Start

WIDEST: Final = 100
"""Columns; a wider terminal is not filled."""
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
# Readable in black on the 16 colors of any terminal.
_COLORS: Final = ("blue", "yellow", "green", "magenta", "cyan", "bright_black", "red", "white")
_LONGEST_NAME, _TOTAL = 32, 9


def bars(found: Sequence[Start], console: Console) -> str:
    """The text that the console prints, with its colors where it is a terminal."""
    width = min(console.width, WIDEST)
    with console.capture() as printed:
        console.print(Group(*_lines(found, width)), width=width, crop=False, no_wrap=True)
    return printed.get().rstrip("\n")


def _lines(found: Sequence[Start], width: int) -> Iterator[Text]:
    phases = rows.phases(found)
    marks = {name: _LETTERS[at % len(_LETTERS)] for at, name in enumerate(phases)}
    names = [_name(row) for start in found for row in start.rows]
    left = max(map(len, names), default=0) + 2
    room = max(10, width - left - _TOTAL)
    scale = room / max([1.0, *(each.seconds for each in found)])
    for start in found:
        if start.began:
            yield Text(f"boot from {start.began:%Y-%m-%d %H:%M:%S} UTC", style="dim")
        for row in start.rows:
            yield _row(row, marks, scale, left, start)
    yield from _legend(phases, marks, width)


def _name(row: Row) -> str:
    return untrusted_text.one_line(row.node, _LONGEST_NAME)


def _row(row: Row, marks: Mapping[str, str], scale: float, left: int, start: Start) -> Text:
    line = Text(f"{_name(row):{left}}")
    at = 0
    for bar in row.bars:
        ended = start.seconds if bar.seconds is None else bar.end
        # Rounded at both ends, so that no sum of rounded lengths moves a later bar.
        first, last = round(bar.start * scale), round(ended * scale)
        line.append(" " * max(0, first - at))
        mark = marks[bar.phase]
        line.append(mark * max(0, last - max(first, at)), style=_style(mark))
        at = max(at, first, last)
    line.append(f" {row.seconds:.1f} s" if row.state == "done" else f" {row.state}")
    return line


def _style(mark: str) -> str:
    return f"black on {_COLORS[_LETTERS.index(mark) % len(_COLORS)]}"


def _legend(phases: Mapping[str, float], marks: Mapping[str, str], width: int) -> Iterator[Text]:
    """As many phases in a line as there is room for."""
    line = Text()
    for name, seconds in phases.items():
        label = f" {untrusted_text.one_line(name, _LONGEST_NAME)} {seconds:.1f} s"
        part = Text.assemble((marks[name], _style(marks[name])), label)
        if line and len(line) + len(part) + 3 > width:
            yield line
            line = Text()
        line.append("   " if line else "").append_text(part)
    if line:
        yield line
