"""
GitHub's and GitLab's REST APIs on loopback, as far as a comment needs them, refusing what they do.

Facts: https://docs.github.com/en/rest/issues/comments, https://docs.github.com/en/rest/using-the-rest-api/
(pagination by `Link`, `Bearer` or `token`, rate limits as 403 or 429), a body that is too long as
422 with "is too long (maximum is 65536 characters)", the REST user of an installation as 403;
https://docs.gitlab.com/api/notes/, https://docs.gitlab.com/api/rest/authentication/ (PRIVATE-TOKEN;
a job token is for a list of endpoints without the notes: 401). GitHub Enterprise Server has REST at
/api/v3 and GraphQL at /api/graphql:
https://docs.github.com/en/enterprise-server@3.15/graphql/guides/using-graphql-clients
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "ghs_theTokenOfTheJob"
MOST_CHARACTERS = {"github": 65_536, "gitlab": 1_000_000}


@dataclass
class Account:
    """Who a token belongs to, and what it may."""

    login: str
    id: int
    is_bot: bool = False
    may_write: bool = True
    may_read: bool = True


@dataclass
class Platform:
    """What one platform holds, and what it does to the next requests."""

    kind: str
    account: Account
    url: str = ""
    root: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    faults: list[tuple[int, dict[str, str], str]] = field(default_factory=list)
    """Responses for the next requests, in their order: status, headers, message."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    lost: int = 0
    """How many of the next writes are carried out with 502 as the response all the same."""
    page: int = 3
    """How many comments a page has at most, whatever is asked for."""
    next_at: str | None = None
    """Another place that the header Link leads to."""

    def add(self, body: str, author: Account | None = None, **more: Any) -> dict[str, Any]:
        who = author or self.account
        bot = "Bot" if who.is_bot else "User"
        login = f"{who.login}[bot]" if who.is_bot else who.login
        number = 100 + len(self.comments)
        comment = {
            "id": number,
            "body": body,
            "user": {"login": login, "type": bot},
            "author": {"id": who.id, "username": who.login},
            "html_url": f"https://github.example/pull/7#issuecomment-{number}",
            "system": False,
            **more,
        }
        self.comments.append(comment)
        return comment


ENTERPRISE = "/api/v3"
"""Where GitHub Enterprise Server has its REST API."""


@contextmanager
def running(kind: str, account: Account, root: str = "") -> Iterator[Platform]:
    """The platform, listening; `root` is the path of its REST API."""
    platform = Platform(kind, account, root=root)

    class Handler(_Handler):
        server_platform = platform

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    platform.url = f"http://127.0.0.1:{server.server_address[1]}{root}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield platform
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server_platform: Platform

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._handle("GET")

    def do_POST(self) -> None:
        self._handle("POST")

    def do_PATCH(self) -> None:
        self._handle("PATCH")

    def do_PUT(self) -> None:
        self._handle("PUT")

    def _handle(self, method: str) -> None:
        platform = self.server_platform
        platform.requests.append((method, self.path))
        length = int(self.headers.get("Content-Length") or 0)
        content = json.loads(self.rfile.read(length)) if length else {}
        if platform.faults:
            status, headers, message = platform.faults.pop(0)
            return self._send(status, {"message": message}, headers)
        if (refused := self._unauthorized()) is not None:
            return self._send(401, {"message": refused})
        where = urlsplit(self.path)
        path = _below(platform.root, where.path)
        route = _github if platform.kind == "github" else _gitlab
        status, response = route(platform, method, path, content)
        if status == 200 and isinstance(response, list):
            return self._send_page(response, parse_qs(where.query), path)
        if method != "GET" and platform.lost and status < 300:
            platform.lost -= 1
            return self._send(502, {"message": "Bad Gateway"})
        return self._send(status, response)

    def _unauthorized(self) -> str | None:
        if self.server_platform.kind == "gitlab":
            return None if self.headers.get("PRIVATE-TOKEN") == TOKEN else "401 Unauthorized"
        scheme, _, token = (self.headers.get("Authorization") or "").partition(" ")
        good = scheme.lower() in ("bearer", "token") and token == TOKEN
        return None if good else "Bad credentials"

    def _send_page(self, found: list[Any], query: dict[str, list[str]], path: str) -> None:
        platform = self.server_platform
        number = int(query.get("page", ["1"])[0])
        size = min(int(query.get("per_page", ["30"])[0]), platform.page)
        first = (number - 1) * size
        link = {}
        if first + size < len(found):
            base = platform.next_at or platform.url
            after = f"{base}{path}?per_page={size}&page={number + 1}"
            link["Link"] = f'<{platform.url}{path}?page=1>; rel="first", <{after}>; rel="next"'
        self._send(200, found[first : first + size], link)

    def _send(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _below(root: str, path: str) -> str:
    """The path as github.com and gitlab.com have it; one of neither API is empty."""
    if root and path == "/api/graphql":
        return "/graphql"
    below = path.removeprefix(root) if path.startswith(f"{root}/") else ""
    return "" if root and below == "/graphql" else below


def _github(platform: Platform, method: str, path: str, content: Any) -> tuple[int, Any]:
    account = platform.account
    if path == "/user" and account.is_bot:
        return 403, {"message": "Resource not accessible by integration"}
    if path == "/graphql" and method == "POST":
        return 200, {"data": {"viewer": {"login": account.login}}}
    comments = "/repos/shop/cluster/issues/7/comments"
    changing = ("PATCH", r"/repos/shop/cluster/issues/comments/(\d+)")
    user = {"login": account.login, "id": account.id}
    return _routed(platform, (method, path), content, user, comments, changing)


def _gitlab(platform: Platform, method: str, path: str, content: Any) -> tuple[int, Any]:
    account, notes = platform.account, "/projects/42/merge_requests/7/notes"
    user = {"id": account.id, "username": account.login}
    return _routed(platform, (method, path), content, user, notes, ("PUT", rf"{notes}/(\d+)"))


def _routed(
    platform: Platform,
    request: tuple[str, str],
    content: Any,
    user: dict[str, Any],
    comments: str,
    changing: tuple[str, str],
) -> tuple[int, Any]:
    """What both do; `changing` is the method, and the path of one comment."""
    changed = re.fullmatch(changing[1], request[1]) if request[0] == changing[0] else None
    if request == ("GET", "/user"):
        found: tuple[int, Any] = (200, user)
    elif not platform.account.may_read:
        found = (404, {"message": "Not Found"})
    elif request == ("GET", comments):
        found = (200, platform.comments)
    elif not platform.account.may_write:
        found = (403, {"message": "Resource not accessible by integration"})
    elif request == ("POST", comments):
        found = _written(platform, content, platform.add, 201)
    elif changed:
        found = _updated(platform, int(changed[1]), content)
    else:
        found = (404, {"message": "Not Found"})
    return found


def _written(platform: Platform, content: Any, write: Any, status: int) -> tuple[int, Any]:
    body = content.get("body")
    most = MOST_CHARACTERS[platform.kind]
    if platform.kind == "github" and (not body or len(body) > most):
        reason = f"body is too long (maximum is {most} characters)"
        return 422, {"message": "Validation Failed", "errors": [{"message": reason}]}
    if not body or len(body) > most:
        return 400, {"message": {"note": [f"is too long (maximum is {most} characters)"]}}
    return status, write(body)


def _updated(platform: Platform, number: int, content: Any) -> tuple[int, Any]:
    comment = next((each for each in platform.comments if each["id"] == number), None)
    if comment is None:
        return 404, {"message": "Not Found"}
    if comment["author"]["id"] != platform.account.id:
        return 403, {"message": "Resource not accessible by integration"}

    def write(body: str) -> dict[str, Any]:
        comment["body"] = body
        return comment

    return _written(platform, content, write, 200)
