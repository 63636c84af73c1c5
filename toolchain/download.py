"""Fetching one pinned file: is it within reach, and is it the one that was pinned."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from threading import Thread
from typing import Any

from toolchain.errors import ToolchainError
from toolchain.progress import SAY_EVERY_SECONDS, Say

PROBE_SECONDS = 5.0
SILENCE_SECONDS = 30.0
# The whole of a download: the largest one at 150 KB/s. A source may send a byte now and then.
DEADLINE_SECONDS = 1800.0
# The largest file, an archive of Pulumi, has about 200 MiB.
LARGEST_BYTES = 1 << 30
CHUNK_BYTES = 1 << 20


def reachable(url: str, seconds: float = PROBE_SECONDS) -> bool:
    """Whether the file is offered to this machine, found out in a few seconds at most."""
    status = status_of(url, seconds)
    return status is not None and status < 400


def status_of(url: str, seconds: float = PROBE_SECONDS) -> int | None:
    """The HTTP status of the answer; nothing when there is none within these seconds."""
    statuses: list[int] = []

    def ask() -> None:
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - pinned addresses
        with contextlib.suppress(OSError, ValueError):
            try:
                with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310
                    statuses.append(answer.status or 200)
            except urllib.error.HTTPError as refusal:
                statuses.append(refusal.code)

    # In a thread, because a name server that never responds is not covered by urlopen's timeout.
    asking = Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    return statuses[0] if statuses else None


def fetch(url: str, sha256: str, target: Path, say: Say) -> None:
    """
    Brings the file to `target`, whole and verified or not at all.

    Raises ToolchainError when it cannot be fetched, does not fit on the disk, takes longer than
    DEADLINE_SECONDS, is larger than LARGEST_BYTES, or is another file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        digest = _copy(url, part, say)
        if digest != sha256:
            raise ToolchainError(
                f"{url} is not the pinned file\n    expected SHA-256 {sha256}, got {digest}; "
                "something between here and there replaced it"
            )
        part.replace(target)
    except (OSError, http.client.HTTPException) as error:
        raise ToolchainError(_explain(url, target, error)) from None
    finally:
        part.unlink(missing_ok=True)


def file_sha256(file: Path) -> str:
    """The file's SHA-256 in hex."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _copy(url: str, target: Path, say: Say) -> str:
    digest, done, began = hashlib.sha256(), 0, time.monotonic()
    reported = began
    with contextlib.closing(_open(url)) as response, target.open("wb") as output:
        size = _size(response)
        # One read at a time: a whole chunk of a source that drips would never be there.
        while chunk := response.read1(CHUNK_BYTES):
            done += len(chunk)
            _check_limits(done, time.monotonic() - began)
            output.write(chunk)
            digest.update(chunk)
            if time.monotonic() - reported >= SAY_EVERY_SECONDS:
                reported = time.monotonic()
                say(f"downloading {url.rsplit('/', 1)[1]} ... {done >> 20} of {size >> 20} MiB")
        if size and done < size:
            raise OSError(f"the connection ended after {done} of {size} bytes")
    return digest.hexdigest()


def _open(url: str) -> Any:
    """The response, whose headers must be there in time, however slowly they come."""
    opened: Future[Any] = Future()

    def ask() -> None:
        try:
            opened.set_result(urllib.request.urlopen(url, timeout=SILENCE_SECONDS))  # noqa: S310
        except BaseException as error:  # raised again by opened.result()
            opened.set_exception(error)

    Thread(target=ask, daemon=True).start()
    try:
        return opened.result(SILENCE_SECONDS)
    except FutureTimeoutError:
        opened.add_done_callback(lambda late: late.exception() or late.result().close())
        raise OSError(f"no response within {SILENCE_SECONDS:.0f} s") from None


def _size(response: Any) -> int:
    """The announced size in bytes; 0 where there is none."""
    text = response.headers.get("Content-Length") or "0"
    size = int(text) if re.fullmatch("[0-9]{1,18}", text) else 0
    _check_limits(size, 0)
    return size


def _check_limits(size: int, seconds: float) -> None:
    if size > LARGEST_BYTES:
        raise OSError(f"it is larger than {LARGEST_BYTES >> 20} MiB")
    if seconds > DEADLINE_SECONDS:
        raise OSError(f"it is not there after {DEADLINE_SECONDS:.0f} s")


def _explain(url: str, target: Path, error: OSError | http.client.HTTPException) -> str:
    if isinstance(error, http.client.HTTPException):
        # Its text is what the source sent.
        return f"{url} could not be downloaded: no HTTP response ({type(error).__name__})"
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        return f"{url} could not be downloaded: HTTP status {error.code}\n    run it again"
    if error.errno == errno.ENOSPC:
        free = shutil.disk_usage(target.parent).free >> 20
        return f"no space for {target}: {free} MiB are free\n    free some, then run it again"
    return f"{url} could not be downloaded: {error}\n    run it again"
