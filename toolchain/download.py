"""Fetching one pinned file: is it within reach, and is it the one that was pinned."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path
from threading import Thread

from toolchain.errors import ToolchainError
from toolchain.progress import SAY_EVERY_SECONDS, Say

PROBE_SECONDS = 5.0
SILENCE_SECONDS = 30.0
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

    Raises ToolchainError when it cannot be fetched, does not fit on the disk, or is another file.
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
    except OSError as error:
        raise ToolchainError(_explain(url, target, error)) from None
    finally:
        part.unlink(missing_ok=True)


def file_sha256(file: Path) -> str:
    """The file's SHA-256 in hex."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _copy(url: str, target: Path, say: Say) -> str:
    digest, done, reported = hashlib.sha256(), 0, time.monotonic()
    with (
        urllib.request.urlopen(url, timeout=SILENCE_SECONDS) as answer,  # noqa: S310
        target.open("wb") as output,
    ):
        size = int(answer.headers.get("Content-Length") or 0)
        while chunk := answer.read(CHUNK_BYTES):
            output.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            if time.monotonic() - reported >= SAY_EVERY_SECONDS:
                reported = time.monotonic()
                say(f"downloading {url.rsplit('/', 1)[1]} ... {done >> 20} of {size >> 20} MiB")
        if size and done < size:
            raise OSError(f"the connection ended after {done} of {size} bytes")
    return digest.hexdigest()


def _explain(url: str, target: Path, error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        free = shutil.disk_usage(target.parent).free >> 20
        return f"no space for {target}: {free} MiB are free\n    free some, then run it again"
    return f"{url} could not be downloaded: {error}\n    run it again"
