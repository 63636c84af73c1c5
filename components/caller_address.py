"""
The address that this program's requests come from, as a service on the internet returns it.

The configuration names the service, so it may be any server that this machine reaches, its own
metadata service too: no message quotes what it returned, and no redirect is followed.
"""

from __future__ import annotations

import http.client
import ipaddress
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from threading import Thread
from typing import Any

LONGEST = 256
"""The most of a response that is read, in bytes."""


class AddressError(Exception):
    """There is no address; the text is why, and nothing of a response."""


def fetch(url: str, seconds: float) -> ipaddress.IPv4Address:
    """
    The address in a response that is nothing else. Raises AddressError, also after so many seconds.

    No proxy of the environment is used: the SSH and API connections, which the address is for, are
    made without one.
    """
    fetched: Future[ipaddress.IPv4Address] = Future()

    def work() -> None:
        try:
            fetched.set_result(_translated(lambda: _fetch(url, seconds)))
        except BaseException as error:  # raised again by fetched.result()
            fetched.set_exception(error)

    # In a thread, because a response that comes byte by byte is not covered by a time-out.
    Thread(target=work, daemon=True).start()
    try:
        return fetched.result(seconds)
    except FutureTimeoutError:
        raise AddressError(f"no response within {seconds:.0f} s") from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Leaves the redirect to the handler of errors."""


def _fetch(url: str, seconds: float) -> ipaddress.IPv4Address:
    request = urllib.request.Request(url)  # noqa: S310 - the configuration's, http or https
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects())
    with opener.open(request, timeout=seconds) as response:
        text = response.read(LONGEST).decode(errors="replace").strip()
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        raise AddressError("the response is not an IPv4 address") from None


def _translated(call: Callable[[], ipaddress.IPv4Address]) -> ipaddress.IPv4Address:
    try:
        return call()
    except urllib.error.HTTPError as error:
        error.close()
        redirect = ", a redirect" if 300 <= error.code < 400 else ""
        raise AddressError(f"the response has the HTTP status {error.code}{redirect}") from None
    except http.client.HTTPException:
        raise AddressError("the response is not one of HTTP") from None
    except OSError as error:
        raise AddressError(str(getattr(error, "reason", error))) from None
    except ValueError:
        raise AddressError("it is not a URL that can be requested") from None
