"""
A client that reads and writes Kubernetes objects twice a second while something happens to the
cluster, and counts what failed, for how long, and what was lost.

It shares no code with the provider: what it sees is what a user's client sees.
"""

from __future__ import annotations

import base64
import itertools
import json
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3
import yaml

from localcloud.errors import LocalCloudError

PERIOD_SECONDS = 0.5
# What a user waits for a response before trying again.
REQUEST = urllib3.Timeout(total=2.0)
# After the change: until the API responds and all that it acknowledged is read.
COUNT_SECONDS = 120.0
LABEL = "counted"


@dataclass
class Seen:
    """
    What the client saw. `gap_seconds` is the longest time without a successful request of a kind;
    `lost` are writes that were acknowledged and are not there afterwards.
    """

    writes: int = 0
    failed_writes: int = 0
    reads: int = 0
    failed_reads: int = 0
    gap_seconds: float = 0.0
    lost: set[str] = field(default_factory=set)
    errors: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return (
            f"API gap {self.gap_seconds:.1f} s, {len(self.lost)} lost of {self.writes} writes, "
            f"{self.failed_writes} writes and {self.failed_reads} of {self.reads} reads failed"
        )


@contextmanager
def counting(kubeconfig: Path) -> Iterator[Seen]:
    """
    The client while something happens, as the kubeconfig's user. At its end `lost` is counted; not
    where what happened failed, since an API that is away then would hide why.

    Raises LocalCloudError where the API does not respond before, or not again afterwards.
    """
    client = _Client(kubeconfig)
    # The first write is before everything that happens.
    client.wait_for_write()
    stop = threading.Event()
    threads = [
        threading.Thread(target=client.repeat, args=(each, stop), daemon=True)
        for each in (client.write, client.read)
    ]
    for thread in threads:
        thread.start()
    try:
        yield client.seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    client.count_lost()


class _Client:
    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        self._pool = _pool(config)
        # Others may have written to the same cluster.
        self._prefix = f"write-{time.time_ns():x}"
        self._numbers = itertools.count()
        self._acknowledged: list[str] = []
        self.seen = Seen()

    def wait_for_write(self) -> None:
        self._until(self.write)
        self.seen.failed_writes = 0

    def repeat(self, request: Callable[[], bool], stop: threading.Event) -> None:
        succeeded = time.monotonic()
        while not stop.is_set():
            began = time.monotonic()
            if request():
                now = time.monotonic()
                self.seen.gap_seconds = max(self.seen.gap_seconds, now - succeeded)
                succeeded = now
            stop.wait(max(0.0, began + PERIOD_SECONDS - time.monotonic()))
        self.seen.gap_seconds = max(self.seen.gap_seconds, time.monotonic() - succeeded)

    def write(self) -> bool:
        name = f"{self._prefix}-{next(self._numbers)}"
        metadata = {"name": name, "labels": {LABEL: ""}}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        done = self._request("POST", "/api/v1/namespaces/default/configmaps", body).status == 201
        self.seen.writes += done
        self.seen.failed_writes += not done
        if done:
            self._acknowledged.append(name)
        return done

    def read(self) -> bool:
        """The last acknowledged write, which must be there."""
        path = f"/api/v1/namespaces/default/configmaps/{self._acknowledged[-1]}"
        done = self._request("GET", path).status == 200
        self.seen.reads += 1
        self.seen.failed_reads += not done
        return done

    def count_lost(self) -> None:
        path = f"/api/v1/namespaces/default/configmaps?labelSelector={LABEL}"
        names: set[str] = set()

        def listed() -> bool:
            found = self._request("GET", path)
            if found.status != 200:
                return False
            names.update(each["metadata"]["name"] for each in json.loads(found.data)["items"])
            return True

        self._until(listed)
        self.seen.lost = set(self._acknowledged) - names

    def _until(self, succeeds: Callable[[], bool]) -> None:
        end = time.monotonic() + COUNT_SECONDS
        while not succeeds():
            if time.monotonic() > end:
                errors = ", ".join(f"{count} x {each}" for each, count in self.seen.errors.items())
                raise LocalCloudError(
                    f"the API did not respond to a client within {COUNT_SECONDS:.0f} s: {errors}"
                )
            time.sleep(PERIOD_SECONDS)

    def _request(self, method: str, path: str, body: Any = None) -> urllib3.BaseHTTPResponse:
        response = self._send(method, path, body)
        if response.status not in (200, 201):
            reason = response.reason or ""
            self.seen.errors[reason] = self.seen.errors.get(reason, 0) + 1
        return response

    def _send(self, method: str, path: str, body: Any = None) -> urllib3.BaseHTTPResponse:
        """The response; one of status 0 with the reason where there is none."""
        content = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json"}
        try:
            return self._pool.request(method, path, body=content, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            return urllib3.HTTPResponse(status=0, reason=type(error).__name__)


def _pool(config: Any) -> urllib3.HTTPSConnectionPool:
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cadata=_text(cluster["certificate-authority-data"]))
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as pair:
        pair.write(_text(user["client-certificate-data"]) + _text(user["client-key-data"]))
        pair.flush()
        context.load_cert_chain(pair.name)
    url = urllib3.util.parse_url(cluster["server"])
    return urllib3.HTTPSConnectionPool(
        url.host or "", url.port, ssl_context=context, retries=False, timeout=REQUEST, maxsize=2
    )


def _text(data: str) -> str:
    return base64.b64decode(data).decode()
