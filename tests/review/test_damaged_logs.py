"""Whatever an event log holds, it makes a comment or is refused with a reason."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from review import comment, drift, event_log, part
from review.event_log import UnreadablePreview
from tests.golden import comments
from tests.golden.preview_logs import FOLDER
from tests.review import page

ODD: list[Any] = [None, True, 0, -1, 1e300, "", "x", [], [None], {}, {"a": []}, [[{}]], "0.0.0.0/0"]
NAMES = ["agents-replaced", "api-opened", "rights-widened", "drift", "after-drift", "secret"]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in the value."""
    yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(
        value, list
    ) else ()  # fmt: skip
    for key, each in entries:
        yield from places(each, (*path, key))


def damaged(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """The value with something else at the place."""
    if not path:
        return odd
    found = copy.deepcopy(value)
    inner = found
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = odd
    return found


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30)
@given(data=some.data())
def test_a_damaged_log_makes_a_comment_or_is_refused(name: str, data: some.DataObject) -> None:
    events = [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()]
    for _ in range(data.draw(some.integers(1, 4))):
        index = data.draw(some.integers(0, len(events) - 1))
        path = data.draw(some.sampled_from(list(places(events[index]))))
        events[index] = damaged(events[index], path, data.draw(some.sampled_from(ODD)))
    try:
        preview = event_log.parse([json.dumps(each) for each in events], name)
    except UnreadablePreview:
        return
    text = comment.render([(None, preview)], comments.NOW, comments.RUN)
    assert part.size(text) <= comment.LIMIT
    assert page.read(text).markdown == []
    assert page.read(drift.render([(None, preview)], None)).markdown == []
    assert drift.text([(None, preview)])
