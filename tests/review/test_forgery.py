"""Nothing in a comment can be forged by the strings of a stack."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import example, given, settings

from review import comment, drift, event_log, markup
from tests.golden import comments
from tests.golden.preview_logs import FOLDER
from tests.review import page, strings
from tests.review.strings import FORGERIES, hostile

# As much room as there is need for: what is cut is another test's.
ROOM = 10_000_000
RECORDED = sorted(file.stem for file in comments.logs())
# What of a recording the text stands behind: names of nodes and a tag, a region, a value of a
# security group rule, words of an error. The engine itself lets no other than a plain stack's name.
PLACES = ("shop", "us-east-1", "198.51.100.0/24", "found", "many")


def rendered(name: str, text: str = "text", places: tuple[str, ...] = PLACES) -> str:
    """The comment of a recording with the text in the place of words of its own."""

    def change(found: str) -> str:
        for place in places:
            found = found.replace(place, f"{place}{text}")
        return found

    lines = [
        json.dumps(_event(json.loads(line), change))
        for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()
    ]
    preview = event_log.parse(lines, name)
    if name == comments.DRIFT:
        return drift.render([(f"prod{text}", preview)], comments.RUN, ROOM)
    return comment.render([(f"prod{text}", preview)], comments.NOW, comments.RUN, ROOM)


def _event(event: dict[str, Any], change: Callable[[str], str]) -> Any:
    """The event with its strings changed, but for what makes it an event."""
    for key in ("resOutputsEvent", "resourcePreEvent"):
        if key in event:
            data = event[key]["metadata"]
            kept = {each: data[each] for each in ("op", "type") if each in data}
            rest = {each: data[each] for each in data if each not in kept}
            changed = {each: strings.replaced(rest[each], change) for each in rest}
            return {key: {"metadata": {**kept, **changed}}}
    if "diagnosticEvent" in event:
        data = event["diagnosticEvent"]
        return {"diagnosticEvent": {**data, "message": change(data["message"])}}
    return event


@pytest.mark.parametrize("name", RECORDED)
@settings(max_examples=8)
@given(text=hostile())
@example(text="".join(FORGERIES))
def test_the_structure_is_the_same_whatever_the_strings_are(name: str, text: str) -> None:
    rendering = rendered(name, text)
    found = page.read(rendering)
    assert found.markdown == []
    assert found.structure == structure(name)
    for line in rendering.splitlines():
        # What a CI system executes in a log, and GitLab in a comment.
        assert not line.lstrip().startswith(("/", "::"))
        assert "##[" not in line
        assert "##vso" not in line


@cache
def structure(name: str) -> list[str]:
    return page.read(rendered(name, "x")).structure


@pytest.mark.parametrize("text", FORGERIES)
def test_a_forgery_is_text_in_a_code_element(text: str) -> None:
    found = page.read(f"<p>{markup.code(text)}</p>")
    assert found.markdown == []
    assert found.codes == [markup.visible(text)]


@given(text=hostile())
def test_each_string_is_seen_as_it_is(text: str) -> None:
    """What is in ASCII stands there in its order; nothing is hidden, reordered or combined."""
    found = page.read(f"<p>{markup.code(text, 10_000)}</p>").codes[0]
    assert "\n" not in found
    assert not [
        each
        for each in found
        if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Mn", "Me")
    ]
    rest = iter(found)
    assert all(each in rest for each in text if " " <= each <= "~")


def test_a_string_that_is_cut_has_the_number_of_what_is_missing() -> None:
    assert markup.visible("x" * 1_000, 10) == f"{'x' * 10}… (990 more characters)"


def test_an_error_keeps_its_lines_and_none_of_them_is_empty() -> None:
    found = page.read(markup.message("one\n\n</pre>three")).codes
    assert found == ["| one\n| \n| </pre>three"]
