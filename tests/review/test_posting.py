"""A comment on a pull request or merge request is posted once and updated in place."""

from __future__ import annotations

from pathlib import Path

import pytest

from review.errors import ReviewError
from tests.review import fake_platforms
from tests.review.fake_platforms import Account, Platform
from tests.review.job import BODY, OTHER, Watch, place, post


def test_the_first_run_makes_a_comment(platform: Platform, event: Path, watch: Watch) -> None:
    platform.add("a comment of somebody", OTHER)
    url = post(platform, event, watch)
    assert [each["body"] for each in platform.comments] == ["a comment of somebody", BODY]
    assert url.endswith(str(platform.comments[1]["id"]))
    assert url.startswith("https://")


def test_the_next_run_updates_it_on_whatever_page_it_is(
    platform: Platform, event: Path, watch: Watch
) -> None:
    for number in range(7):
        platform.add(f"comment {number}", OTHER)
    platform.add("<!-- k3s-aws: review -->\r\n\r\nof an earlier run")
    platform.add("a later one", OTHER)
    post(platform, event, watch)
    assert platform.comments[7]["body"] == BODY
    assert len(platform.comments) == 9


def test_a_marker_that_somebody_planted_is_left_alone(
    platform: Platform, event: Path, watch: Watch
) -> None:
    planted = platform.add(BODY, OTHER)
    platform.add(f"quoted: {BODY}")
    post(platform, event, watch)
    assert planted["body"] == BODY
    assert [each["author"]["id"] for each in platform.comments] == [66, 41, 41]
    assert {"PATCH", "PUT"}.isdisjoint(method for method, _ in platform.requests)


def test_a_user_with_the_name_of_the_bot_is_not_the_bot(event: Path, watch: Watch) -> None:
    with fake_platforms.running("github", Account("github-actions", 41, is_bot=True)) as platform:
        platform.add(BODY, Account("github-actions", 66))
        assert [each.is_own for each in place(platform, event, watch).comments()] == [False]


def test_comments_of_another_name_stay(platform: Platform, event: Path, watch: Watch) -> None:
    platform.add("<!-- k3s-aws: drift -->\n\ndrift")
    post(platform, event, watch)
    assert [each["body"] for each in platform.comments] == [
        "<!-- k3s-aws: drift -->\n\ndrift",
        BODY,
    ]


def test_of_several_the_first_is_updated(platform: Platform, event: Path, watch: Watch) -> None:
    first, second = platform.add(BODY + "1"), platform.add(BODY + "2")
    post(platform, event, watch)
    assert (first["body"], second["body"]) == (BODY, BODY + "2")


def test_a_comment_whose_response_was_lost_is_not_made_twice(
    platform: Platform, event: Path, watch: Watch
) -> None:
    platform.lost = 1
    if platform.account.is_bot:
        # The first request that is not a GET asks GraphQL who the account is.
        platform.lost = 2
    post(platform, event, watch)
    assert [each["body"] for each in platform.comments] == [BODY]


def test_a_platform_that_loses_every_response_is_an_error(
    platform: Platform, event: Path, watch: Watch
) -> None:
    found = place(platform, event, watch)
    platform.lost = 1000
    with pytest.raises(ReviewError, match="HTTP 502"):
        found.create(BODY)
    assert len(platform.comments) == 1
