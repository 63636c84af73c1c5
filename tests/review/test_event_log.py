"""An event log is read as the engine writes it, whole or cut, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from review import event_log
from review.event_log import UnreadablePreview
from review.property_values import SECRET, UNKNOWN, plain
from tests.golden import comments
from tests.golden.preview_logs import FOLDER
from tests.review import logs


def test_a_replacement_is_one_step() -> None:
    instances = [
        each
        for each in comments.read("agents-replaced").changes
        if each.type == "aws:ec2/instance:Instance"
    ]
    assert sorted((each.name, each.op) for each in instances) == [
        (f"shop-agents-{index}", "replace") for index in range(3)
    ]
    assert all(each.old and each.new for each in instances)


def test_what_a_refresh_found_is_no_step_of_the_plan() -> None:
    drift = comments.read("drift")
    assert drift.steps == ()
    assert {each.op for each in drift.refreshed} >= {"update", "delete"}
    both = comments.read("after-drift")
    assert both.refreshed
    assert both.changes


def test_an_error_is_kept_and_the_notice_that_the_program_ended_is_not() -> None:
    failed = comments.read("failed")
    assert failed.has_failed
    assert not failed.is_complete
    (error,) = failed.errors
    assert error.message.startswith("the configuration has ")


@pytest.mark.parametrize("cut", [1, 40, 4000])
def test_the_log_of_a_killed_run_is_read_as_far_as_it_goes(cut: int) -> None:
    text = (FOLDER / "upgrade.jsonl").read_text()[:-cut]
    preview = event_log.parse(text.splitlines(), "upgrade.jsonl")
    assert preview.has_ended is (cut == 1)
    assert preview.is_complete is (cut == 1)


@pytest.mark.parametrize("character", ["\x85", "\x0b", "\x1c", "\u2028"])
def test_a_character_that_ends_a_line_elsewhere_is_a_part_of_its_text(
    tmp_path: Path, character: str
) -> None:
    # Go's JSON escapes what is below a space, U+2028 and U+2029, and leaves U+0085 as it is.
    name = f"shop{character}servers"
    event = {"diagnosticEvent": {"severity": "warning", "message": name}}
    written = json.dumps(event, ensure_ascii=character != "\x85")
    file = tmp_path / "upgrade.jsonl"
    file.write_text(f"{written}\n{(FOLDER / 'upgrade.jsonl').read_text()}")
    preview = event_log.read(file)
    assert preview.is_complete
    assert preview.diagnostics[0].message == name


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "holds no event"),
        ("[]", "has no event in line 1"),
        ("{", "has no JSON in line 1"),
        ("{}\nno\n{}", "has no JSON in line 2"),
        ('{"cancelEvent": {}}', "names no stack"),
        ('{"resourcePreEvent": {"metadata": {"urn": 1}}}', "names no stack"),
    ],
)
def test_what_is_not_an_event_log_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "log"
    file.write_text(text)
    with pytest.raises(UnreadablePreview) as error:
        event_log.read(file)
    assert reason in str(error.value)
    assert "--event-log FILE" in str(error.value)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"\xff\xfe")
    with pytest.raises(UnreadablePreview, match="is not UTF-8"):
        event_log.read(tmp_path / "log")


@pytest.mark.parametrize(
    "value",
    [
        {**logs.SECRET, "ciphertext": "[secret]"},
        {**logs.SECRET, "plaintext": '"the password"'},
        {"4dabf18193072939515e22adb298388d": "another signature", "value": "the password"},
        {"4dabf18193072939515e22adb298388d": ["none"], "value": "the password"},
        {
            "4dabf18193072939515e22adb298388d": "d0e6a833031e9bbcd3f4e8bde6ca49a4",
            "value": "the password",
            "secret": True,
        },
    ],
)
def test_a_secret_stays_one_however_it_is_written(value: object) -> None:
    assert plain({"a": [value]}) == {"a": [SECRET]}


def test_an_unknown_value_of_each_type_is_unknown() -> None:
    # sdk/go/common/resource/plugin/rpc.go, and the SDK for Python has the same.
    from pulumi.runtime import rpc

    assert plain(rpc.UNKNOWN) == UNKNOWN


def test_a_name_may_have_what_separates_the_parts_of_a_urn() -> None:
    found = logs.preview(logs.step("create", "aws:ec2/vpc:Vpc", "a::b", new={}))
    assert [each.name for each in found.changes] == ["a::b"]


def test_the_types_are_as_the_command_line_prints_them() -> None:
    (step,) = logs.preview(logs.step("create", "aws:ec2/vpc:Vpc", "a", new={})).changes
    assert step.short_type == "aws:ec2:Vpc"


def test_colors_of_the_engine_are_left_out() -> None:
    events = logs.lines(logs.stack(None, {}), logs.error("<{%fg 1%}>error<{%reset%}>: no"))
    assert event_log.parse(events, "x").errors[0].message == "error: no"


def test_an_ephemeral_line_is_no_diagnostic() -> None:
    event = {"diagnosticEvent": {"severity": "info", "message": "a", "ephemeral": True}}
    found = event_log.parse([json.dumps(each) for each in (logs.stack(None, {}), event)], "x")
    assert found.diagnostics == ()
