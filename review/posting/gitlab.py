"""
Notes on a merge request of GitLab.

https://docs.gitlab.com/api/notes/#merge-requests
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from review.posting.http import Api, Clock
from review.posting.platform import Comment, required

LONGEST: Final = 1_000_000
PAGE: Final = 100
TOKEN: Final = "GITLAB_TOKEN"  # noqa: S105 - the name of a variable
_TO_DO: Final = (
    "make a project access token with the scope api and the role Reporter or higher, and set it as "
    "a masked variable; CI_JOB_TOKEN may not write notes"
)
_ADVICE: Final = {
    400: "GitLab does not take this note: it may be too long",
    401: f"{TOKEN} is not valid or has expired: {_TO_DO}",
    403: f"the token may not write notes: {_TO_DO}",
    404: "CI_PROJECT_ID or CI_MERGE_REQUEST_IID is another one, or the token may not read the "
    f"project: {_TO_DO}",
}


class GitLab:
    """The notes of one merge request, seen by the token's account."""

    longest = LONGEST

    def __init__(self, api: Api, project: str, number: str, page: str = "") -> None:
        self._api, self._page = api, page
        self._notes = (
            f"/projects/{quote(project, safe='')}/merge_requests/{quote(number, safe='')}/notes"
        )

    def comments(self) -> Iterator[Comment]:
        own = self._api.get("/user")["id"]
        for each in self._api.pages(f"{self._notes}?per_page={PAGE}&sort=asc&order_by=created_at"):
            author = (each.get("author") or {}).get("id")
            is_own = author == own and not each.get("system")
            yield Comment(id=int(each["id"]), body=str(each.get("body") or ""), is_own=is_own)

    def create(self, body: str) -> str:
        return self._url(self._api.create(self._notes, {"body": body}))

    def update(self, comment_id: int, body: str) -> str:
        return self._url(self._api.send("PUT", f"{self._notes}/{comment_id}", {"body": body}))

    def _url(self, note: Mapping[str, Any]) -> str:
        return f"{self._page}#note_{note['id']}"


def of(environment: Mapping[str, str], clock: Clock) -> GitLab:
    """The merge request of the job that runs. Raises ReviewError."""
    in_job = "run it in a pipeline of a merge request: rules: $CI_PIPELINE_SOURCE == "
    in_job += '"merge_request_event"'
    token = required(environment.get(TOKEN), TOKEN, _TO_DO)
    url = required(environment.get("CI_API_V4_URL"), "CI_API_V4_URL", in_job)
    project = required(environment.get("CI_PROJECT_ID"), "CI_PROJECT_ID", in_job)
    number = required(environment.get("CI_MERGE_REQUEST_IID"), "CI_MERGE_REQUEST_IID", in_job)
    # https://docs.gitlab.com/api/rest/authentication/
    headers = {"PRIVATE-TOKEN": token, "User-Agent": "k3s-aws-review"}
    api = Api(url=url.rstrip("/"), headers=headers, clock=clock, advice=_ADVICE)
    home = environment.get("CI_PROJECT_URL")
    return GitLab(api, project, number, f"{home}/-/merge_requests/{number}" if home else "")
