"""
Comments on a pull request of GitHub.

https://docs.github.com/en/rest/issues/comments: a pull request is an issue, and its conversation
are the issue's comments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from review.errors import ReviewError
from review.posting.http import Api, Clock, Refused
from review.posting.platform import Comment, required

# The error of a longer body names so many characters.
LONGEST: Final = 65_536
PAGE: Final = 100
_VERSION: Final = "2022-11-28"
_BOT: Final = "[bot]"
_REPOSITORY: Final = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_ADVICE: Final = {
    401: "GITHUB_TOKEN is not valid or has expired: pass ${{ github.token }} to the step",
    403: "the token may not write here: the job needs `permissions: {pull-requests: write}`; for a "
    "pull request of a fork the token only reads, whatever the job asks for",
    404: "GITHUB_REPOSITORY or the number of the pull request is another one, or the token may not "
    "read the repository",
    410: "the comment, or the conversation, was deleted: run the job again",
    422: "GitHub does not take this comment: it may be too long",
}


class GitHub:
    """The comments of one pull request, seen by the token's account."""

    longest = LONGEST

    def __init__(self, api: Api, repository: str, number: int, author: str | None = None) -> None:
        self._api, self._author = api, author
        self._comments = f"/repos/{repository}/issues/{number}/comments"
        self._comment = f"/repos/{repository}/issues/comments"

    def comments(self) -> Iterator[Comment]:
        author = self._author or self._login()
        for each in self._api.pages(f"{self._comments}?per_page={PAGE}"):
            own = (each.get("user") or {}).get("login") == author
            yield Comment(id=int(each["id"]), body=str(each.get("body") or ""), is_own=own)

    def create(self, body: str) -> str:
        return str(self._api.create(self._comments, {"body": body})["html_url"])

    def update(self, comment_id: int, body: str) -> str:
        path = f"{self._comment}/{comment_id}"
        return str(self._api.send("PATCH", path, {"body": body})["html_url"])

    def _login(self) -> str:
        """
        The account of the token.

        The token of an app's installation, which the one of a job is, has no user in the REST API;
        GraphQL has its account.
        """
        try:
            return str(self._api.get("/user")["login"])
        except Refused as error:
            if error.status != 403:
                raise
        graphql = replace(self._api, url=_graphql(self._api.url))
        found = graphql.send("POST", "", {"query": "{viewer{login}}"})
        login = ((found.get("data") or {}).get("viewer") or {}).get("login")
        if not login:
            raise ReviewError(
                "the account of the token is unknown, so no comment can be updated\n"
                "    pass it as --author, such as github-actions[bot]"
            )
        # A user's name cannot have the suffix, so that no user is taken for the app.
        return f"{str(login).removesuffix(_BOT)}{_BOT}"


def _graphql(url: str) -> str:
    """
    The URL of GraphQL beside that of the REST API, which is /api/v3 on GitHub Enterprise Server.

    https://docs.github.com/en/enterprise-server@3.15/graphql/guides/using-graphql-clients
    """
    return f"{url.removesuffix('/v3')}/graphql"


def of(environment: Mapping[str, str], clock: Clock, author: str | None) -> GitHub:
    """The pull request of the job that runs. Raises ReviewError, OSError."""
    in_step = "run it in a job of GitHub Actions, or set it"
    token = required(
        environment.get("GITHUB_TOKEN"),
        "GITHUB_TOKEN",
        "pass it to the step: env: {GITHUB_TOKEN: ${{ github.token }}}",
    )
    repository = required(environment.get("GITHUB_REPOSITORY"), "GITHUB_REPOSITORY", in_step)
    if not _REPOSITORY.fullmatch(repository):
        raise ReviewError(f"GITHUB_REPOSITORY: must be OWNER/NAME, found {repository!r}")
    event = required(environment.get("GITHUB_EVENT_PATH"), "GITHUB_EVENT_PATH", in_step)
    url = environment.get("GITHUB_API_URL") or "https://api.github.com"
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": _VERSION,
        "User-Agent": "k3s-aws-review",
    }
    api = Api(url=url.rstrip("/"), headers=headers, clock=clock, advice=_ADVICE)
    return GitHub(api, repository, _number(Path(event)), author)


def _number(file: Path) -> int:
    """The pull request's number in the event that started the job."""
    try:
        event: Any = json.loads(file.read_text())
    except ValueError:
        raise ReviewError(f"{file}: is not JSON\n    GITHUB_EVENT_PATH is another file") from None
    for key in ("pull_request", "issue"):
        found = event.get(key) if isinstance(event, Mapping) else None
        if isinstance(found, Mapping) and isinstance(found.get("number"), int):
            return int(found["number"])
    raise ReviewError(
        "the event of this job is about no pull request, so there is nothing to comment on\n"
        "    run the job on: pull_request"
    )
