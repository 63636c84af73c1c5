"""The picture: well-formed, complete, and nothing in it that a machine could have put there."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.timeline.reports import AGENT, LATER, SERVER, phase, report
from timeline import rows, svg

NAMESPACE = "{http://www.w3.org/2000/svg}"
HOSTILE = '</text><script>alert("1")</script>&\x1b[31m\u202e\ud800\uffff]]>'


def drawn(reports: dict[str, Any]) -> ET.Element:
    return ET.fromstring(svg.draw(rows.starts(reports)))  # noqa: S314 - made here


def words(picture: ET.Element) -> list[str]:
    return [each.text or "" for each in picture.iter(f"{NAMESPACE}text")]


def test_every_machine_phase_and_second_is_there() -> None:
    picture = drawn({"a": SERVER, "b": AGENT, "c": LATER})
    found = words(picture)
    assert "2 machines from 2026-01-02 10:00:00 UTC" in found
    assert "1 machine from 2026-01-02 17:30:00 UTC" in found
    assert {"dev-servers-1", "dev-agents-1", "dev-agents-2", "8.0 s", "9.0 s"} <= {*found}
    assert {"identity 1.0 s", "start-k3s 7.5 s", "wait-for-server 6.5 s"} <= {*found}
    titles = [each.text for each in picture.iter(f"{NAMESPACE}title")]
    assert "wait-for-server: 6.50 s" in titles
    assert len([each for each in titles if each and ": " in each]) == 6


def test_bars_are_as_long_as_their_seconds_and_begin_where_they_began() -> None:
    bars = [
        each
        for each in drawn({"a": SERVER, "b": AGENT}).iter(f"{NAMESPACE}rect")
        if each.find(f"{NAMESPACE}title") is not None
    ]
    at = [(float(each.attrib["x"]), float(each.attrib["width"])) for each in bars]
    # 10 s are 640 pixels.
    expected = [(250, 32), (282, 480), (314, 32), (346, 416), (762, 128)]
    for found, wanted in zip(at, expected, strict=True):
        assert found == pytest.approx(wanted, abs=0.1)


def test_what_failed_and_what_runs_is_written_beside_it() -> None:
    error = {"phase": "identity", "cause": "no route to host"}
    failed = report("a", phase("identity", "10:00:00", 1), state="failed", error=error)
    running = report("b", phase("identity", "10:00:00"), state="running")
    nothing = report("c", state="running")
    found = words(drawn({"a": failed, "b": running, "c": nothing}))
    assert "failed: no route to host" in found
    assert found.count("running") == 2
    assert "1 machine no phase yet" in found


@pytest.mark.parametrize("field", ["node", "role", "phase", "cause"])
def test_a_text_of_a_machine_is_text(field: str) -> None:
    made = report(
        HOSTILE if field == "node" else "a",
        phase(HOSTILE if field == "phase" else "p", "10:00:00", 1),
        role=HOSTILE if field == "role" else "agent",
        state="failed",
        error={"phase": "p", "cause": HOSTILE if field == "cause" else "c"},
    )
    text = svg.draw(rows.starts({"a": made}))
    picture = ET.fromstring(text)  # noqa: S314 - made here
    tags = {each.tag.removeprefix(NAMESPACE) for each in picture.iter()}
    assert tags == {"svg", "style", "rect", "path", "text", "g", "title"}
    assert not [name for each in picture.iter() for name in each.attrib if name.startswith("on")]
    assert "&lt;script&gt;" in text
    assert all(each.isprintable() or each == "\n" for each in text)


def test_nothing_is_fetched_from_elsewhere() -> None:
    text = svg.draw(rows.starts({"a": SERVER}))
    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]
    assert "url(" not in text
    assert "@import" not in text


def test_a_report_of_a_hundred_phases_in_as_many_years_is_drawn() -> None:
    phases = [phase(f"p{number}", "10:00:00", 1e7) for number in range(100)]
    phases[0]["startedAt"] = "1970-01-02T00:00:00Z"
    phases[99]["startedAt"] = "9998-01-02T00:00:00Z"
    picture = drawn({"a": report("a" * 253, *phases)})
    assert float(picture.attrib["height"]) < 1000
    assert "a" * 27 + "..." in words(picture)


def test_no_machine_is_an_empty_picture() -> None:
    assert words(drawn({})) == ["Phases, each with the longest time a machine took"]


def luminance(color: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("color", svg.COLORS)
def test_every_color_is_seen_on_both_pages_and_its_text_on_it(color: str) -> None:
    assert contrast(color, "#ffffff") >= 4.5
    assert contrast(color, "#0d1117") >= 3
