"""Receiving a file from several sources, with resuming and its SHA-256 compared."""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boot import files
from boot.aws import IAM_SECONDS
from boot.http_client import open_url
from boot.machine import Machine
from boot.waiting import BootError, Retry

SPARE_BYTES = 64 << 20
GREATEST_BYTES = 1 << 30
# A source that sends fewer bytes in a second would not send k3s before the usual deadline.
SLOW_BYTES = 1 << 17
SLOW_SECONDS = 20


def require_free(machine: Machine, folder: Path, size: int) -> None:
    """Raises BootError where a file of so many bytes would fill the disk."""
    free = machine.environment.free_bytes(folder)
    if free < size + SPARE_BYTES:
        raise BootError(f"{folder} has {free >> 20} MiB free, {size >> 20} MiB are needed")


@dataclass(frozen=True)
class Download:
    """A file with this SHA-256; `part` keeps what was received, for resuming."""

    machine: Machine
    sha256: str
    part: Path

    def from_first(self, sources: Sequence[str], what: str) -> None:
        """Tries the sources in order until one has the file; BootError when no source has it."""

        def attempt(source: str) -> None:
            try:
                self._receive(source)
            except (Retry, BootError) as error:
                self.machine.report.log(str(error))
                raise

        what = f"{what} was not downloaded"
        self.machine.wait.until_one(sources, attempt, what, growth=1.5)

    def _receive(self, source: str) -> None:
        have = self.part.stat().st_size if self.part.exists() else 0
        wanted = {"Range": f"bytes={have}-"} if have else {}
        with open_url(*self.machine.aws.locate(source, wanted)) as response:
            self._require_content(source, response)
            resumed = response.status == 206
            digest = files.sha256_of(self.part) if resumed else hashlib.sha256()
            self._copy(source, response, digest)
        if digest.hexdigest() == self.sha256:
            return
        self.part.unlink()
        if resumed:
            raise Retry(f"{source} did not continue the same file; starting again")
        raise BootError(f"{source} has SHA-256 {digest.hexdigest()}, expected {self.sha256}")

    def _require_content(self, source: str, response: Any) -> None:
        status = response.status
        if status == 403:
            # S3's means a role or a clock; that of a web server may be one of a shared address.
            if source.startswith("s3://"):
                self.machine.aws.correct_clock(response.headers)
            raise Retry(f"{source} returned 403", IAM_SECONDS)
        if status == 416:
            self.part.unlink()
            raise Retry(f"{source} is not longer than what was received; starting again")
        if status not in (200, 206):
            retryable = status >= 500 or status in (408, 429)
            raise (Retry if retryable else BootError)(f"{source} returned {status}")

    def _copy(self, source: str, response: Any, digest: Any) -> None:
        length, received = int(response.headers["Content-Length"] or 0), 0
        folder, mode = self.part.parent, "ab" if response.status == 206 else "wb"
        require_free(self.machine, folder, length)
        end, began = "the connection ended", self.machine.environment.clock.monotonic()
        try:
            with self.part.open(mode) as file:
                for block in iter(lambda: response.read1(1 << 18), b""):
                    received += file.write(block)
                    digest.update(block)
                    self._require_progress(source, received, began)
        except (OSError, http.client.HTTPException) as error:
            end, length = str(error), max(length, received + 1)
        if received < length:
            raise Retry(f"{source} stopped after {received} of {length} bytes: {end}")

    def _require_progress(self, source: str, received: int, began: float) -> None:
        """Ends a download that is too long, or so slow that another source has its turn."""
        if received > GREATEST_BYTES:
            raise BootError(f"{source} is longer than {GREATEST_BYTES >> 20} MiB")
        seconds = self.machine.environment.clock.monotonic() - began
        if seconds > SLOW_SECONDS and received < seconds * SLOW_BYTES:
            raise Retry(f"{source} is too slow: {received} bytes in {seconds:.0f} s")
