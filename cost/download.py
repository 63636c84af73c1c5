"""Reading public files over HTTP, line by line, without holding them in memory."""

from __future__ import annotations

import http.client
import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

SECONDS = 60
"""How long a server may send nothing."""


class RefreshError(Exception):
    """The prices cannot be read; the message has which and how to go on."""


@contextmanager
def opened(url: str) -> Iterator[http.client.HTTPResponse]:
    """The response to a GET; raises RefreshError, for an end before the promised length too."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise RefreshError(f"{url} is not an http or https URL")
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as response:  # noqa: S310 - checked above
            yield response
            # What is left of Content-Length; None without one. http.client does not raise.
            if response.length:
                raise RefreshError(f"{url} ended {response.length} bytes early; run it again")
    except urllib.error.HTTPError as error:
        raise RefreshError(f"{url}: HTTP {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        raise RefreshError(f"{url} cannot be read: {error}; run it again") from None


def lines(response: http.client.HTTPResponse) -> io.TextIOWrapper:
    """The body as text, in the pieces in which it arrives."""
    return io.TextIOWrapper(response, encoding="utf-8", newline="")


def read_json(url: str) -> tuple[dict[str, Any], date | None]:
    """An object, and the day on which the server has it from. Raises RefreshError."""
    with opened(url) as response:
        body = response.read()
        modified = response.headers.get("Last-Modified")
    try:
        content = json.loads(body)
    except ValueError as error:
        raise RefreshError(f"{url} is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise RefreshError(f"{url} is not a JSON object")
    return content, parsedate_to_datetime(modified).date() if modified else None
