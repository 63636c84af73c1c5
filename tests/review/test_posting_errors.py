"""What a platform refuses is an error that helps; what passes is tried again, with one deadline."""

from __future__ import annotations

from pathlib import Path

import pytest

from review.errors import ReviewError
from review.posting import github, gitlab, http
from review.posting import platform as posting
from tests.review.fake_platforms import TOKEN, Platform
from tests.review.job import OTHER, TEXT, Watch, environment, place, post


@pytest.mark.parametrize(
    ("fault", "pause"),
    [
        ((502, {}, "Bad Gateway"), 1.0),
        ((429, {"Retry-After": "7"}, "slow down"), 7.0),
        (
            (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1020"}, "API rate limit"),
            20.0,
        ),
        ((403, {}, "You have exceeded a secondary rate limit"), 60.0),
    ],
)
def test_what_passes_is_tried_again(
    platform: Platform,
    event: Path,
    watch: Watch,
    fault: tuple[int, dict[str, str], str],
    pause: float,
) -> None:
    platform.faults.append(fault)
    post(platform, event, watch)
    assert watch.pauses == [pause]
    assert len(platform.comments) == 1


def test_a_server_that_stays_broken_ends_at_the_deadline(
    platform: Platform, event: Path, watch: Watch
) -> None:
    platform.faults += [(503, {}, "Service Unavailable")] * 1000
    with pytest.raises(ReviewError) as error:
        post(platform, event, watch)
    assert "HTTP 503, and it did not end in 300 s" in str(error.value)
    assert sum(watch.pauses) <= http.DEADLINE_SECONDS


def test_a_limit_beyond_the_deadline_ends_at_once(
    platform: Platform, event: Path, watch: Watch
) -> None:
    platform.faults.append((429, {"Retry-After": "3600"}, "slow down"))
    with pytest.raises(ReviewError, match="HTTP 429, and it did not end"):
        post(platform, event, watch)
    assert watch.pauses == []


def test_nobody_at_the_address_is_an_error_without_the_token(
    platform: Platform, event: Path, watch: Watch
) -> None:
    found = place(platform, event, watch)
    found._api.__dict__["url"] = "http://127.0.0.1:9"  # type: ignore[attr-defined]
    with pytest.raises(ReviewError, match="no response") as error:
        posting.post(found, TEXT, "review")
    assert TOKEN not in str(error.value)


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "has expired"), (403, "may not write"), (404, "is another one")],
)
def test_a_refusal_has_what_to_do_and_never_the_token(
    platform: Platform, event: Path, watch: Watch, status: int, advice: str
) -> None:
    message = f"refused, by the way: {TOKEN} ##[error] \x1b[31m"
    platform.faults.append((status, {}, message))
    if status == 403 and platform.kind == "github":
        # The first one asks who the account is, which is another way for an app.
        platform.faults.append((status, {}, message))
    with pytest.raises(ReviewError) as error:
        post(platform, event, watch)
    assert f"HTTP {status}: refused, by the way: [secret] # #[error] ?[31m" in str(error.value)
    assert advice in str(error.value)
    assert TOKEN not in str(error.value)
    assert TOKEN not in repr(place(platform, event, watch)._api)  # type: ignore[attr-defined]


def test_a_token_that_may_not_write_is_refused_by_the_platform_itself(
    platform: Platform, event: Path, watch: Watch
) -> None:
    platform.account.may_write = False
    with pytest.raises(ReviewError, match="HTTP 403") as error:
        post(platform, event, watch)
    assert "may not write" in str(error.value)


def test_another_repository_is_not_found(platform: Platform, event: Path, watch: Watch) -> None:
    platform.account.may_read = False
    with pytest.raises(ReviewError, match="HTTP 404"):
        post(platform, event, watch)


def test_a_wrong_scheme_is_refused(platform: Platform, event: Path, watch: Watch) -> None:
    found = place(platform, event, watch)
    found._api.__dict__["headers"] = {"JOB-TOKEN": TOKEN}  # type: ignore[attr-defined]
    with pytest.raises(ReviewError, match="HTTP 401"):
        posting.post(found, TEXT, "review")


def test_a_body_that_is_too_long_is_not_sent(platform: Platform, event: Path, watch: Watch) -> None:
    found = place(platform, event, watch)
    with pytest.raises(ReviewError, match="is the most"):
        posting.post(found, "x" * found.longest, "review")
    assert platform.requests == []


def test_the_fake_refuses_a_longer_body(platform: Platform, event: Path, watch: Watch) -> None:
    found = place(platform, event, watch)
    with pytest.raises(ReviewError, match=r"HTTP (422|400): .*too long"):
        found.create("x" * (found.longest + 1))
    found.create("x" * found.longest)


def test_the_next_page_is_never_at_another_place(
    platform: Platform, event: Path, watch: Watch
) -> None:
    platform.next_at = "https://attacker.example"
    for _ in range(4):
        platform.add("a comment", OTHER)
    with pytest.raises(ReviewError, match="another place"):
        post(platform, event, watch)


@pytest.mark.parametrize("name", ["", "Review", "a b", "--> x", "a" * 99, "review\n"])
def test_a_name_cannot_end_the_marker(name: str) -> None:
    with pytest.raises(ReviewError, match="--name"):
        posting.marker(name)


@pytest.mark.parametrize("missing", ["GITHUB_TOKEN", "GITHUB_REPOSITORY", "GITHUB_EVENT_PATH"])
def test_a_missing_variable_of_github_is_named(event: Path, watch: Watch, missing: str) -> None:
    given = {**environment(Platform("github", OTHER), event), missing: ""}
    with pytest.raises(ReviewError, match=f"{missing} is not set"):
        github.of(given, watch.clock, None)


@pytest.mark.parametrize("missing", ["GITLAB_TOKEN", "CI_API_V4_URL", "CI_MERGE_REQUEST_IID"])
def test_a_missing_variable_of_gitlab_is_named(event: Path, watch: Watch, missing: str) -> None:
    given = {**environment(Platform("gitlab", OTHER, "http://127.0.0.1:9"), event), missing: ""}
    with pytest.raises(ReviewError, match=f"{missing} is not set"):
        gitlab.of(given, watch.clock)


def test_a_job_token_is_not_taken_for_one_that_writes_notes(event: Path, watch: Watch) -> None:
    given = {
        **environment(Platform("gitlab", OTHER, "http://127.0.0.1:9"), event),
        "CI_JOB_TOKEN": "x",
    }
    del given["GITLAB_TOKEN"]
    with pytest.raises(ReviewError, match="CI_JOB_TOKEN may not write notes"):
        gitlab.of(given, watch.clock)


def test_an_event_about_no_pull_request_is_an_error(tmp_path: Path, watch: Watch) -> None:
    file = tmp_path / "event.json"
    file.write_text('{"ref": "refs/heads/main"}')
    with pytest.raises(ReviewError, match="about no pull request"):
        github.of(environment(Platform("github", OTHER), file), watch.clock, None)
