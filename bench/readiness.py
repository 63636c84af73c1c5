"""When every node of a cluster on the local cloud's machines is Ready, seen from outside."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import docker.errors
import requests.exceptions

from cluster import kubeconfig
from cluster.errors import KubeconfigError
from localcloud.errors import LocalCloudError
from localcloud.machines.containers import LABEL
from provider.kubernetes.api import Api, ApiError

KUBECONFIG = "/etc/rancher/k3s/k3s.yaml"
DEADLINE_SECONDS = 300.0
POLL_SECONDS = 0.1


class Watch:
    """
    Watches the machines of one cloud: the kubeconfig is read through Docker, then the API is.

    Both ways of starting a cluster are watched alike. Raises LocalCloudError at the deadline.
    """

    def __init__(
        self, engine: Any, cloud_id: str, count: int, deadline_seconds: float = DEADLINE_SECONDS
    ) -> None:
        self._engine, self._label, self._count = engine, f"{LABEL}={cloud_id}", count
        self._deadline_seconds = deadline_seconds
        self._api: Api | None = None
        self._seen = "no kubeconfig"

    @property
    def started(self) -> float:
        """When the first of the machines that run was started, in seconds since the epoch."""
        began = [each.attrs["State"]["StartedAt"] for each in self._machines()]
        return min(datetime.fromisoformat(each).timestamp() for each in began)

    def until_ready(self, goes_on: Callable[[], bool] = lambda: True) -> float:
        """The time at which all nodes were Ready; gives up early when it does not go on."""
        deadline = time.monotonic() + self._deadline_seconds
        ready = 0
        while time.monotonic() < deadline:
            alive = goes_on()
            ready = self._ready()
            if ready == self._count:
                return time.time()
            if not alive:
                raise LocalCloudError(
                    f"it ended with {ready} of {self._count} nodes Ready\n"
                    f"    last seen: {self._seen}"
                )
            time.sleep(POLL_SECONDS)
        raise LocalCloudError(
            f"{ready} of {self._count} nodes were Ready after {self._deadline_seconds:.0f} s\n"
            f"    last seen: {self._seen}"
        )

    def _ready(self) -> int:
        try:
            if self._api is None:
                self._api = self._server()
            if self._api is None:
                return 0
            nodes = self._api.nodes()
        except (
            docker.errors.APIError,
            requests.exceptions.RequestException,
            KubeconfigError,
            ApiError,
        ) as error:
            self._seen = str(error)
            return 0
        self._seen = f"nodes {', '.join(nodes)}"
        return sum(node.ready for node in nodes.values())

    def _machines(self) -> list[Any]:
        found: list[Any] = self._engine.containers.list(
            filters={"label": self._label}, ignore_removed=True
        )
        return found

    def _server(self) -> Api | None:
        for machine in self._machines():
            try:
                stream, _ = machine.get_archive(KUBECONFIG)
            except docker.errors.NotFound:
                continue
            (network,) = machine.attrs["NetworkSettings"]["Networks"].values()
            return api(unpacked(b"".join(stream)), network["IPAddress"])
        return None


def unpacked(archive: bytes) -> str:
    """The only file in a tar archive, as Docker hands it out."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        (member,) = opened.getmembers()
        content = opened.extractfile(member)
        return content.read().decode() if content else ""


def api(text: str, address: str) -> Api:
    """
    A client of the server at this address, as its kubeconfig's user.

    Raises KubeconfigError while the file is not whole.
    """
    return Api(replace(kubeconfig.parse(text), server=f"https://{address}:6443"))
