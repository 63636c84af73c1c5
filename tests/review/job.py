"""The environment of a job that posts, and time that passes by sleeping only."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from review.posting import github, gitlab
from review.posting import platform as posting
from review.posting.http import Clock
from tests.review.fake_platforms import TOKEN, Account, Platform

OTHER = Account("mallory", 66)
TEXT = "<h3><code>prod</code>: changes nothing</h3>\n"
BODY = f"<!-- k3s-aws: review -->\n\n{TEXT}"


@dataclass
class Watch:
    """Time that passes by sleeping only."""

    seconds: float = 1_000.0
    pauses: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.seconds, sleep=self.sleep)


def environment(platform: Platform, event: Path) -> dict[str, str]:
    return {
        "GITHUB_TOKEN": TOKEN,
        "GITHUB_REPOSITORY": "shop/cluster",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_API_URL": platform.url,
        "GITLAB_TOKEN": TOKEN,
        "CI_API_V4_URL": platform.url,
        "CI_PROJECT_ID": "42",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_PROJECT_URL": "https://gitlab.example/shop/cluster",
    }


def place(platform: Platform, event: Path, watch: Watch) -> posting.Platform:
    given = environment(platform, event)
    if platform.kind == "github":
        return github.of(given, watch.clock, None)
    return gitlab.of(given, watch.clock)


def post(platform: Platform, event: Path, watch: Watch, text: str = TEXT) -> str:
    return posting.post(place(platform, event, watch), text, "review")
