"""
Requests to a REST API: JSON, retries with one deadline, and errors without a token.

What is retried is what both platforms ask for: errors of the server, connections that break, and
rate limits, for as long as the response says
(https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api,
https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/#response-headers).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import urllib3

from cluster.untrusted_text import one_line
from review.errors import ReviewError

DEADLINE_SECONDS: Final = 300.0
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 30.0
# A rate limit without a moment: GitHub asks for a minute.
UNKNOWN_LIMIT_SECONDS: Final = 60.0
MOST_PAGES: Final = 100
_TIMEOUT: Final = urllib3.Timeout(connect=10.0, read=30.0)
_NEXT: Final = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Time as an argument: both in seconds."""

    now: Callable[[], float]
    """Seconds since the epoch: rate limits end at such a moment."""
    sleep: Callable[[float], None]


class Refused(ReviewError):  # noqa: N818 - reads as the fact it states
    """A response that is an error and is not retried."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Lost(ReviewError):  # noqa: N818 - reads as the fact it states
    """A request that may have been carried out, and was not sent again; time has passed since."""


@dataclass(frozen=True, kw_only=True)
class Api:
    """One REST API, with the headers that every request has. Its representation has no header."""

    url: str
    headers: Mapping[str, str]
    clock: Clock
    advice: Mapping[int, str]
    """What to do about a status, by status."""

    def __repr__(self) -> str:
        return f"Api({self.url})"

    def get(self, path: str) -> Any:
        return self._parsed(self._request("GET", self.url + path))

    def send(self, method: str, path: str, content: Mapping[str, Any]) -> Any:
        return self._parsed(self._request(method, self.url + path, content))

    def create(self, path: str, content: Mapping[str, Any]) -> Any:
        """Sends what must not be carried out twice. Raises Lost where it may have been."""
        return self._parsed(self._request("POST", self.url + path, content, once=True))

    def pages(self, path: str) -> Iterator[Any]:
        """Each entry of a list that comes in pages, by the header Link."""
        url: str | None = self.url + path
        for _ in range(MOST_PAGES):
            if url is None:
                return
            response = self._request("GET", url)
            yield from self._parsed(response)
            url = self._next(response)
        raise ReviewError(f"{self.url}{path}: more than {MOST_PAGES} pages of comments")

    def _next(self, response: urllib3.BaseHTTPResponse) -> str | None:
        found = _NEXT.search(response.headers.get("Link", ""))
        if found is None:
            return None
        # The token goes to no other place than the API.
        if not found[1].startswith(self.url + "/"):
            raise ReviewError(
                f"{self.url}: the next page is at another place: {one_line(found[1])}"
            )
        return found[1]

    def _parsed(self, response: urllib3.BaseHTTPResponse) -> Any:
        try:
            return json.loads(response.data)
        except ValueError:
            raise ReviewError(
                f"{self.url}: the response is not JSON\n    check that this is the URL of the API"
            ) from None

    def _request(
        self,
        method: str,
        url: str,
        content: Mapping[str, Any] | None = None,
        *,
        once: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        end, pause = self.clock.now() + DEADLINE_SECONDS, FIRST_PAUSE_SECONDS
        while True:
            response, reason = self._attempt(method, url, content)
            if response is not None and not reason:
                return response
            wait = max(pause, self._wait_of(response))
            if self.clock.now() + wait > end:
                raise ReviewError(
                    f"{method} {url}: {reason}, and it did not end in {DEADLINE_SECONDS:.0f} s\n"
                    "    run the job again later"
                )
            self.clock.sleep(wait)
            if once and (response is None or response.status >= 500):
                raise Lost(f"{method} {url}: {reason}\n    run the job again")
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _attempt(
        self, method: str, url: str, content: Mapping[str, Any] | None
    ) -> tuple[urllib3.BaseHTTPResponse | None, str]:
        """The response; beside it the reason to send the request again, if there is one."""
        try:
            response = urllib3.request(
                method,
                url,
                json=content,
                headers=dict(self.headers),
                retries=False,
                redirect=False,
                timeout=_TIMEOUT,
            )
        except urllib3.exceptions.HTTPError as error:
            return None, f"no response ({type(error).__name__})"
        if response.status >= 500 or _is_limited(response):
            return response, f"HTTP {response.status}"
        if response.status >= 300:
            raise Refused(response.status, self._message(method, url, response))
        return response, ""

    def _message(self, method: str, url: str, response: urllib3.BaseHTTPResponse) -> str:
        advice = self.advice.get(response.status, "check the place and the token")
        text = _reason(response)
        for value in self.headers.values():
            # An API that repeats what it was sent must not bring the token into a log.
            text = text.replace(value.rpartition(" ")[2], "[secret]")
        return f"{method} {url}: HTTP {response.status}: {text}\n    {advice}"

    def _wait_of(self, response: urllib3.BaseHTTPResponse | None) -> float:
        """For how long the response asks to send nothing."""
        if response is None:
            return 0.0
        headers = response.headers
        if (after := _number(headers.get("Retry-After"))) is not None:
            return after
        if headers.get("X-RateLimit-Remaining") == "0":
            moment = _number(headers.get("X-RateLimit-Reset"))
            return max(0.0, (moment or 0.0) - self.clock.now())
        return UNKNOWN_LIMIT_SECONDS if response.status in (403, 429) else 0.0


def _is_limited(response: urllib3.BaseHTTPResponse) -> bool:
    """A 403 is a rate limit on GitHub where the response says so."""
    if response.status == 429:
        return True
    limited = (
        "Retry-After" in response.headers
        or response.headers.get("X-RateLimit-Remaining") == "0"
        or "rate limit" in _reason(response).lower()
    )
    return response.status == 403 and limited


def _reason(response: urllib3.BaseHTTPResponse) -> str:
    try:
        content = json.loads(response.data)
    except ValueError:
        content = response.data.decode(errors="replace")
    if isinstance(content, Mapping):
        parts = [content.get(key) for key in ("message", "error", "error_description", "errors")]
        content = "; ".join(str(each) for each in parts if each)
    return one_line(str(content)) or "no reason is given"


def _number(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdigit() else None
