"""HTTP requests, with the configured proxy alone; what the network may do later is a Retry."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from boot.waiting import Retry

TIMEOUT_SECONDS = 10
# Of a response of `fetch`; what is cut off is no JSON and no certificate.
LONGEST_BYTES = 1 << 20


# What ProxyHandler takes: no proxies; None is those of the environment, once it has the configured
# ones.
proxies: Any = {}


def open_url(
    url: str,
    headers: Mapping[str, str],
    context: ssl.SSLContext | None = None,
    body: bytes | None = None,
    method: str | None = None,
    seconds: float = TIMEOUT_SECONDS,
) -> Any:
    """
    The open response, of whatever status. GET, or POST with a body, unless `method` is given.

    `seconds` is how long the server may take for a connection and for each part of its response.
    """
    request = Request(url, body, dict(headers), method=method)  # noqa: S310
    try:
        opener = build_opener(ProxyHandler(proxies), HTTPSHandler(context=context))
        return opener.open(request, timeout=seconds)
    except HTTPError as response:
        return response
    except (OSError, http.client.HTTPException) as error:
        raise Retry(f"{urlsplit(url).netloc}: {getattr(error, 'reason', error)}") from None


def fetch(url: str, headers: Mapping[str, str], *args: Any, **named: Any) -> tuple[int, Any, bytes]:
    """Status, headers and body of a short response; the arguments are those of `open_url`."""
    with open_url(url, headers, *args, **named) as response:
        try:
            return response.status, response.headers, response.read(LONGEST_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise Retry(f"{urlsplit(url).netloc}: {error}") from None
