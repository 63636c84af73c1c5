"""
The starts of a cluster as an SVG, readable on a light and on a dark page.

It has no script, no style and no address from outside of it. Names come from machines, so every
text is cleaned and escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape

from cluster import untrusted_text
from timeline import axis, rows
from timeline.rows import Bar, Row, Start

WIDTH: Final = 1000
_LEFT, _RIGHT = 250, 110
_ROW, _BAR = 28, 20
_HEAD, _AXIS, _MARGIN = 34, 24, 16
_LEGEND_COLUMN, _LEGEND_ROW = 242, 22
# A text of seconds in a bar; in a shorter one it would touch the next.
_ROOM_FOR_SECONDS = 44
_LONGEST_NAME, _LONGEST_CAUSE, _LONGEST_PHASE = 30, 90, 24
# White text on each has a contrast of at least 4.5; each stands out from both backgrounds.
COLORS: Final = (
    *("#1760f3", "#aa5409", "#077c55", "#ad1fdc", "#d21e3c", "#07768d", "#3f7a15", "#7e43f5"),
    *("#7e6b0e", "#c9168e", "#606e7b", "#cf2a11", "#297b37", "#6363b4"),
)
_STYLE = """
text { font: 13px ui-sans-serif, system-ui, "DejaVu Sans", sans-serif; fill: #1f2328; }
.page { fill: #ffffff; } .tick { stroke: #d0d7de; } .quiet { fill: #59636e; }
.in { fill: #ffffff; font-size: 12px; } .bad { fill: #b91c1c; } .failed { stroke: #b91c1c; }
.running { fill-opacity: .35; stroke-dasharray: 4 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .page { fill: #0d1117; } .tick { stroke: #3d444d; }
  .quiet { fill: #9198a1; } .bad { fill: #ff7b72; } .failed { stroke: #ff7b72; }
}
"""


def draw(found: Sequence[Start]) -> str:
    """The picture; the seconds of all starts have one scale."""
    colors = {name: COLORS[at % len(COLORS)] for at, name in enumerate(rows.phases(found))}
    # A cluster whose boots took no time has an axis all the same.
    longest = max([1.0, *(each.seconds for each in found)])
    parts, top = [], _MARGIN
    for start in found:
        parts += [*_start(start, colors, longest, top)]
        top += _HEAD + _ROW * len(start.rows) + _AXIS
    parts += [*_legend(rows.phases(found), colors, top)]
    height = top + _LEGEND_ROW * (1 + -(-len(colors) // _columns())) + _MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Boot timeline">',
            f"<style>{_STYLE}</style>",
            f'<rect class="page" width="{WIDTH}" height="{height}"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _start(start: Start, colors: Mapping[str, str], longest: float, top: float) -> Iterator[str]:
    scale = (WIDTH - _LEFT - _RIGHT) / longest
    below = top + _HEAD + _ROW * len(start.rows)
    began = f"from {start.began:%Y-%m-%d %H:%M:%S} UTC" if start.began else "no phase yet"
    yield _text(_MARGIN, top + 16, f"{_machines(len(start.rows))} {began}", "quiet")
    for tick in axis.ticks(start.seconds, longest) if start.began else ():
        x = _LEFT + tick * scale
        yield f'<path class="tick" d="M{x:.1f} {top + _HEAD - 6}V{below}"/>'
        yield _text(x, below + 16, axis.label(tick), "quiet", anchor="middle")
    for number, row in enumerate(start.rows):
        yield from _row(row, start, colors, scale, top + _HEAD + _ROW * number)


def _machines(count: int) -> str:
    return "1 machine" if count == 1 else f"{count} machines"


def _row(
    row: Row, start: Start, colors: Mapping[str, str], scale: float, top: float
) -> Iterator[str]:
    name = _clean(row.node, _LONGEST_NAME)
    yield f"<g><title>{_escaped(f'{row.node}, {row.role}')}</title>"
    yield _text(_LEFT - 12, top + 18, name, anchor="end")
    for bar in row.bars:
        yield from _bar(bar, start, colors[bar.phase], scale, top + (_ROW - _BAR) / 2)
    end = _LEFT + (start.seconds if row.state == "running" else row.end) * scale + 8
    if row.state == "failed":
        # In the row itself there may be no room.
        cause = _clean(row.cause or "no cause given", _LONGEST_CAUSE)
        anchor, x = ("end", end - 16) if end > WIDTH / 2 else ("start", end)
        yield _text(x, top + 18, f"failed: {cause}", "bad", anchor=anchor)
    else:
        total = f"{row.seconds:.1f} s" if row.state == "done" else "running"
        yield _text(end, top + 18, total)
    yield "</g>"


def _bar(bar: Bar, start: Start, color: str, scale: float, top: float) -> Iterator[str]:
    runs = bar.seconds is None
    seconds = max(0.0, start.seconds - bar.start) if bar.seconds is None else bar.seconds
    # What took no time at all is there too.
    x, width = _LEFT + bar.start * scale, max(1.0, seconds * scale)
    kinds = " ".join(name for name, it_is in (("running", runs), ("failed", bar.failed)) if it_is)
    stroke = "" if bar.failed else f' stroke="{color}"'
    text = "running" if runs else f"{seconds:.2f} s"
    yield (
        f'<rect x="{x:.1f}" y="{top:.1f}" width="{width:.1f}" height="{_BAR}" fill="{color}"'
        f'{stroke if runs else ""} class="{kinds}" stroke-width="2">'
        f"<title>{_escaped(f'{bar.phase}: {text}')}</title></rect>"
    )
    if width >= _ROOM_FOR_SECONDS and not runs:
        yield _text(x + width / 2, top + 14, f"{seconds:.1f} s", "in", anchor="middle")


def _columns() -> int:
    return int((WIDTH - 2 * _MARGIN) // _LEGEND_COLUMN)


def _legend(phases: Mapping[str, float], colors: Mapping[str, str], top: float) -> Iterator[str]:
    yield _text(_MARGIN, top + 16, "Phases, each with the longest time a machine took", "quiet")
    for number, (phase, seconds) in enumerate(phases.items()):
        x = _MARGIN + number % _columns() * _LEGEND_COLUMN
        y = top + _LEGEND_ROW * (1 + number // _columns())
        yield f'<rect x="{x}" y="{y + 4}" width="14" height="14" fill="{colors[phase]}"/>'
        yield _text(x + 20, y + 16, f"{_clean(phase, _LONGEST_PHASE)} {seconds:.1f} s")


def _text(x: float, y: float, text: str, kind: str = "", *, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">'
        f"{_escaped(text)}</text>"
    )


def _clean(text: str, length: int) -> str:
    return untrusted_text.one_line(text, length)


def _escaped(text: str) -> str:
    return escape(untrusted_text.one_line(text))
