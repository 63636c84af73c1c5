"""
HTTPS requests to one Kubernetes API. Retries nothing and follows no redirect.

A response has a greatest size and a longest time, and `close` ends the requests that are under way:
a server can neither keep a thread of the plugin nor fill its memory.
"""

from __future__ import annotations

import json
import logging
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3

from provider.kubernetes.api_errors import ApiError, UntrustedServerError

# For one block of a response; the wait around it has the deadline.
_TIMEOUT: Final = urllib3.Timeout(connect=5.0, read=10.0)
_RESPONSE_SECONDS: Final = 60.0
# The list of the 250 pods of a full node has a few MB.
_LONGEST_RESPONSE: Final = 64 * 1024 * 1024
_BLOCK: Final = 64 * 1024

# urllib3 logs headers that it cannot read, as the server sent them.
logging.getLogger("urllib3").addHandler(logging.NullHandler())
logging.getLogger("urllib3").propagate = False

# The errors of OpenSSL for a chain that does not end in our authority:
# https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/
_UNTRUSTED_CHAIN: Final = {7, 18, 19, 20, 21}


@dataclass(frozen=True, kw_only=True)
class Response:
    """The HTTP status of a response and its body."""

    status: int
    reason: str
    body: bytes

    def json(self) -> Any:
        """The content; raises ApiError where it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise ApiError("the response of the API is not JSON") from None


class Transport:
    """
    The connections to the API at an `https://` URL.

    `certificate_name` is the name that its certificate must have, where that is not the URL's host.
    """

    def __init__(
        self, endpoint: str, context: ssl.SSLContext, certificate_name: str | None = None
    ) -> None:
        parts = urlsplit(endpoint.rstrip("/"))
        self._prefix = parts.path
        self._pool = _Pool(
            str(parts.hostname),
            parts.port or 443,
            ssl_context=context,
            server_hostname=certificate_name,
            retries=False,
            timeout=_TIMEOUT,
        )

    def close(self) -> None:
        """Closes every connection; a request that is under way in another thread ends."""
        self._pool.abort()

    def request(self, method: str, path: str, content: Any = None) -> Response:
        """One request; raises ApiError where there is no response."""
        body = None if content is None else json.dumps(content)
        kind = "merge-patch+json" if method == "PATCH" else "json"
        headers = {"Content-Type": f"application/{kind}", "Accept": "application/json"}
        try:
            # Not decoded: a compressed response, which we did not ask for, has any size.
            response = self._pool.urlopen(
                method,
                self._prefix + path,
                body=body,
                headers=headers,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            reason = response.reason or ""
            return Response(status=response.status, reason=reason, body=_read(response))
        except urllib3.exceptions.HTTPError as error:
            raise _connection_error(error) from error


class _Pool(urllib3.HTTPSConnectionPool):
    """A pool that can end the requests of its connections."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._opened: list[Any] = []

    def _new_conn(self) -> Any:
        connection = super()._new_conn()
        still_open = [each for each in self._opened if each.sock is not None]
        self._opened = [*still_open, connection]
        return connection

    def abort(self) -> None:
        for each in self._opened:
            if each.sock is not None:
                _shut_down(each.sock)
        self.close()


def _shut_down(connected: socket.socket) -> None:
    try:
        # Not SSLSocket's own method, which takes TLS away from the thread that reads.
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
    except OSError:
        return  # it is closed already


def _read(response: urllib3.BaseHTTPResponse) -> bytes:
    """The body, block by block: each block may take as long as the time-out allows."""
    body, end = bytearray(), time.monotonic() + _RESPONSE_SECONDS
    try:
        while block := response.read1(_BLOCK, decode_content=False):
            body += block
            if len(body) > _LONGEST_RESPONSE:
                raise ApiError(f"the response of the API has more than {_LONGEST_RESPONSE} bytes")
            if time.monotonic() > end:
                raise ApiError("the API does not respond in time")
    except BaseException:
        response.close()
        raise
    return bytes(body)


def _connection_error(error: urllib3.exceptions.HTTPError) -> ApiError:
    cause = error.args[0] if error.args else None
    if isinstance(cause, ssl.SSLCertVerificationError):
        text = f"the API's certificate is not trusted: {cause.verify_message}"
        untrusted = cause.verify_code in _UNTRUSTED_CHAIN
        return UntrustedServerError(text) if untrusted else ApiError(text)
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return ApiError("the API cannot be reached")
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return ApiError("the API does not respond in time")
    return ApiError(f"the API does not respond ({type(error).__name__})")
