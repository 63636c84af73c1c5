"""
What an update that was killed left to be deleted is told from what this one replaces.

The sequences of events are those of the engine, of a resource whose state has a copy marked
`delete`, and of one without.
"""

from __future__ import annotations

from typing import Any

import pytest

from review import comment, drift, event_log
from review.preview import Preview
from tests.golden import comments
from tests.review import logs, page
from tests.review.test_comment import headline
from tests.review.test_dangers import VOLUME, sentences

RECORD = {"clusterRecord": logs.record()}


def event(
    op: str, resource: str, *, old: bool = True, marked: bool = False, pre: bool = False
) -> Any:
    """An event of the volume `data`; `resource` is the id before."""
    made = logs.step(op, VOLUME, "data", {"size": 10} if old else None, {"size": 10})
    data = made["resOutputsEvent"]["metadata"]
    if op in ("delete", "delete-replaced"):
        del data["new"]
    if old:
        data["old"] |= {"id": resource, **({"delete": True} if marked else {})}
    return {"resourcePreEvent": {"metadata": data}} if pre else made


def both(op: str, resource: str, *, marked: bool = False) -> list[Any]:
    return [event(op, resource, marked=marked, pre=pre) for pre in (True, False)]


# As they begin, nothing is marked; a replacement that creates first marks the old one itself.
CREATE_FIRST = [
    event("create-replacement", "vol-1", pre=True),
    event("create-replacement", "vol-1", marked=True),
    *both("replace", "vol-1", marked=True),
    *both("delete-replaced", "vol-1", marked=True),
]
DELETE_FIRST = [
    *both("delete-replaced", "vol-1"),
    *both("replace", "vol-1"),
    *both("create-replacement", "vol-1"),
]
PENDING = both("delete-replaced", "vol-0", marked=True)


def read(*events: Any) -> Preview:
    return event_log.parse(logs.lines(logs.stack(RECORD, RECORD), *events, logs.end()), "x")


def operations(preview: Preview) -> tuple[list[str], list[str]]:
    """Those of the volume, and those of its old copies."""
    steps = [each.op for each in preview.steps if each.type == VOLUME]
    return steps, [each.op for each in preview.old_copies]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (CREATE_FIRST, (["replace"], [])),
        (DELETE_FIRST, (["replace"], [])),
        ([*both("same", "vol-1"), *PENDING], (["same"], ["delete"])),
        ([*both("update", "vol-1"), *PENDING], (["update"], ["delete"])),
        ([event("create", "", old=False), *PENDING], (["create"], ["delete"])),
        ([*CREATE_FIRST, *PENDING], (["replace"], ["delete"])),
        ([*DELETE_FIRST, *PENDING], (["replace"], ["delete"])),
        ([*PENDING, *both("delete", "vol-1")], (["delete"], ["delete"])),
    ],
)
def test_an_old_copy_is_deleted_and_its_resource_is_not_replaced(
    events: list[Any], expected: tuple[list[str], list[str]]
) -> None:
    assert operations(read(*events)) == expected


def test_a_replacement_whose_first_half_was_another_update_is_no_replacement_any_more() -> None:
    # The resource is gone from the program too, and the engine only forgets it.
    (step,) = read(*both("remove-pending-replace", "vol-1")).changes
    assert step.op == "remove-pending-replace"


def test_a_comment_names_the_old_copy_and_promises_no_empty_volume() -> None:
    preview = read(*both("same", "vol-1"), *PENDING)
    assert sentences(preview) == [
        "deletes the old copy of data volume data , left by an update that did not end"
    ]
    text = comment.render([(None, preview)], comments.NOW)
    assert headline(text) == "prod: changes 1 resource and no node, opens nothing"
    assert "- delete aws:ebs:Volume data (the old copy)" in "\n".join(page.read(text).codes)


def test_an_old_copy_that_is_gone_is_no_drift_and_hides_none() -> None:
    refreshed = [
        event("refresh", "vol-1", pre=True),
        event("refresh", "vol-0", marked=True, pre=True),
    ]
    gone = read(*refreshed, event("same", "vol-1"), event("delete", "vol-0", marked=True))
    assert drift.of(gone) == ()
    assert gone.changes == ()
    hidden = read(*refreshed, event("delete", "vol-1"), event("same", "vol-0", marked=True))
    assert [each.kind for each in drift.of(hidden)] == [drift.GONE]
