"""Drift is listed by resource, with what differs and what reconciles it."""

from __future__ import annotations

from review import drift, event_log
from tests.golden import comments
from tests.golden.preview_logs import FOLDER
from tests.review import logs, page

PARAMETER = "aws:ssm/parameter:Parameter"


def test_a_machine_that_is_gone_is_first() -> None:
    first, *others = drift.of(comments.read("drift"))
    assert (first.kind, first.type, first.name) == (drift.GONE, "aws:ec2:Instance", "shop-agents-1")
    assert first.reconciled == "creates another machine, and its node again"
    assert [each.kind for each in others] == [drift.GONE, drift.CHANGED, drift.CHANGED]
    assert others[0].name == "shop-agent-ssh-198-51-100-0-24"


def test_a_changed_tag_has_both_values_and_a_changed_secret_none() -> None:
    found = {each.name: each for each in drift.of(comments.read("drift"))}
    ((old, new),) = found["shop-servers-2"].properties.values()
    assert old == "shop-servers-2"
    assert "`hand`" in new
    secrets = [each for each in found.values() if each.type == "aws:ssm:Parameter"]
    assert [list(each.properties.values()) for each in secrets] == [[("[secret]", "[secret]")]]


def test_what_is_as_the_state_has_it_is_not_listed() -> None:
    steps = [
        {"resourcePreEvent": {"metadata": {"op": "refresh", "urn": f"{logs.URN}{PARAMETER}::a",
                                           "type": PARAMETER}}},
        logs.step("same", PARAMETER, "a", {"value": 1}, {"value": 1}),
    ]  # fmt: skip
    events = logs.lines(logs.stack({}, {}), *steps, logs.end())
    preview = event_log.parse(events, "x")
    assert drift.of(preview) == ()
    assert not drift.exists([preview])
    assert drift.text([(None, preview)]) == "prod: no drift\n"


def test_a_refresh_that_failed_or_did_not_happen_is_not_the_absence_of_drift() -> None:
    failed = event_log.parse(logs.lines(logs.stack({}, {}), logs.error("no"), logs.end()), "x")
    assert "the refresh failed, so drift is unknown" in drift.text([(None, failed)])
    assert "nothing was refreshed" in drift.text([(None, logs.preview())])
    assert drift.exists([failed])
    assert drift.exists([logs.preview()])


def test_a_refresh_that_failed_without_an_error_leaves_drift_unknown() -> None:
    events = (FOLDER / f"{comments.DRIFT}.jsonl").read_text().splitlines()
    failed = [line.replace('"result": "succeeded"', '"result": "failed"') for line in events]
    assert "the refresh failed, so drift is unknown" in drift.text(
        [(None, event_log.parse(failed, "x"))]
    )


def test_a_preview_with_a_refresh_shows_the_drift_too() -> None:
    names = {each.name for each in drift.of(comments.read("after-drift"))}
    assert {"shop-agents-1", "shop-servers-2"} <= names


def test_the_text_for_a_log_has_no_command_of_a_terminal_or_a_runner() -> None:
    name = "a\x1b[31m ##[error] \u202e"
    steps = [
        {"resourcePreEvent": {"metadata": {"op": "refresh", "urn": f"{logs.URN}{PARAMETER}::{name}",
                                           "type": PARAMETER}}},
        logs.step("update", PARAMETER, name, {"value": "1"}, {"value": "\n::set-output name=a::b"}),
    ]  # fmt: skip
    preview = event_log.parse(logs.lines(logs.stack({}, {}), *steps, logs.end()), "x")
    text = drift.text([(None, preview)])
    assert "\x1b" not in text
    assert "##[" not in text
    assert not any(line.startswith("::") for line in text.splitlines())
    assert page.read(drift.render([(None, preview)], None)).markdown == []
