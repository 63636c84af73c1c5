"""The servers of every machine that runs: its metadata service and its AWS endpoints."""

from __future__ import annotations

import datetime
import threading
from pathlib import Path

from localcloud.aws_api.instances import Role
from localcloud.aws_api.moto_state import MotoState
from localcloud.instance import servers
from localcloud.instance.authority import Authority
from localcloud.instance.authorization import Caller
from localcloud.instance.credentials import Issuer
from localcloud.instance.metadata import MetadataService
from localcloud.machines.host import Host


class MachineServices:
    """The metadata service and the endpoints of every machine that runs."""

    def __init__(
        self,
        machines: Host,
        state: MotoState,
        authority: Authority,
        api_address: tuple[str, int],
        artifact: servers.Artifact,
        home: Path,
    ) -> None:
        self._machines, self._state, self._api = machines, state, api_address
        self.artifact = artifact
        self._tls = authority.serve(servers.certified(state.region), home)
        self._issuer = Issuer(state, clock=lambda: datetime.datetime.now(datetime.UTC))
        self._open: dict[str, list[servers.Server]] = {}
        self._lock = threading.Lock()

    def open(self, instance_id: str) -> None:
        """Starts both servers; the endpoints first, since the metadata service lets it boot."""
        caller = Caller(
            account_id=self._state.account_id,
            region=self._state.region,
            instance=lambda: self._state.instance(instance_id),
            role=lambda: self._role(instance_id),
            is_valid_key=lambda key: self._issuer.is_valid_key(instance_id, key),
            customer_keys=self._state.customer_keys,
        )
        settings = servers.Endpoints(api=self._api, caller=caller, artifact=lambda: self.artifact)
        metadata = MetadataService(
            self._state.account_id,
            self._state.region,
            instance=lambda: self._state.instance(instance_id),
            role=lambda: self._role(instance_id),
            issue=lambda role: self._issuer.issue(instance_id, role),
        )
        endpoints = self._machines.listen(instance_id, *servers.ENDPOINTS)
        serving = servers.Server(
            servers.secure(endpoints, self._tls), servers.endpoints_handler(settings)
        )
        listener = self._machines.listen(instance_id, *servers.METADATA)
        answering = servers.Server(
            listener,
            servers.metadata_handler(metadata, lambda: self._state.instance(instance_id).hop_limit),
        )
        with self._lock:
            self._open[instance_id] = [serving, answering]

    def close(self, instance_id: str) -> None:
        """Stops both servers, if they run."""
        with self._lock:
            ending = self._open.pop(instance_id, [])
        for each in ending:
            each.close()

    def close_all(self) -> None:
        """Stops every server."""
        for instance_id in list(self._open):
            self.close(instance_id)

    def _role(self, instance_id: str) -> Role | None:
        return self._state.role(self._state.instance(instance_id).profile)
