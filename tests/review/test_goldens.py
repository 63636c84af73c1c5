"""The comments of recorded previews are those in tests/golden/review/."""

from __future__ import annotations

import pytest

from tests.golden import comments
from tests.golden.preview_logs import FOLDER, PROJECT, ROOT, reduced
from tests.golden.record_previews import CASES, PASSWORD
from tests.review import page

RENDERED = comments.render()


@pytest.mark.parametrize("file", sorted(RENDERED))
def test_a_comment_is_the_golden_one(file: str) -> None:
    assert (FOLDER / file).read_text() == RENDERED[file]


def test_every_file_is_rendered_or_recorded() -> None:
    assert {file.name for file in FOLDER.iterdir()} == set(RENDERED)


def test_every_case_of_the_recorder_is_there() -> None:
    others = {"creation", "upgrade", "secret", "policies", "destroy", "drift", "after-drift"}
    assert {file.stem for file in comments.logs()} == {*CASES, *others}


@pytest.mark.parametrize("file", sorted(RENDERED))
def test_no_recording_has_a_path_or_a_secret_of_the_machine_it_was_made_on(file: str) -> None:
    text = RENDERED[file]
    assert str(ROOT) not in text
    assert PASSWORD not in text
    assert "PRIVATE KEY" not in text


def test_a_recording_is_reduced_to_itself() -> None:
    text = (FOLDER / "upgrade.jsonl").read_text()
    assert reduced(text.replace(PROJECT, str(ROOT))) == text


@pytest.mark.parametrize("file", sorted(each for each in RENDERED if each.endswith(".md")))
def test_every_string_of_a_stack_is_in_a_code_element(file: str) -> None:
    words = " ".join(page.read(RENDERED[file]).outside)
    for word in ("shop", "prod", "us-east-1", "198.51.100", "127.0.0", "cluster.", "v1.36"):
        assert word not in words


def test_a_secret_that_changes_is_seen_to_change_and_not_what_it_is() -> None:
    codes = "\n".join(page.read(RENDERED["secret.md"]).codes)
    assert "aws:ssm:Parameter shop-server-registry-auth" in codes
    assert "[secret]" in codes
