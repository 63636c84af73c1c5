"""
The daemon of one local cloud: the API, the reconciler, and each machine's services.

State is in memory only. It ends on SIGTERM and removes its machines; what a killed daemon leaves
behind is removed by `stop`, or by the next `start`.
"""

from __future__ import annotations

import datetime
import json
import logging
import os
import signal
import threading
from pathlib import Path
from types import FrameType

from localcloud.cloud import api, catalogue, services
from localcloud.cloud.authority import Authority
from localcloud.cloud.metadata import Credentials, MetadataService
from localcloud.cloud.reconciler import Reconciler
from localcloud.cloud.view import InstanceFacts, Role, View
from localcloud.machines import Machines, MachineSpec

log = logging.getLogger("localcloud")

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"
CREDENTIALS_SECONDS = 6 * 3600


class MachineServices:
    """The metadata service and the endpoints of every machine that runs."""

    def __init__(
        self,
        machines: Machines,
        view: View,
        authority: Authority,
        api_address: tuple[str, int],
        artifact: services.Artifact,
        home: Path,
    ) -> None:
        self._machines, self._view, self._api = machines, view, api_address
        self.artifact = artifact
        self._tls = authority.serve(services.names(REGION), home)
        self._open: dict[str, list[services.Server]] = {}
        self._issued: dict[str, Credentials] = {}
        self._lock = threading.Lock()

    def open(self, instance_id: str) -> None:
        """Starts both servers; the endpoints first, since the metadata service lets it boot."""
        settings = services.Endpoints(
            api=self._api,
            account_id=ACCOUNT_ID,
            region=REGION,
            role=lambda: self._role(instance_id),
            knows_key=lambda key: self._knows(instance_id, key),
            artifact=lambda: self.artifact,
        )
        metadata = MetadataService(
            ACCOUNT_ID,
            REGION,
            facts=lambda: self._view.instance(instance_id),
            role=lambda: self._role(instance_id),
            issue=lambda role: self._issue(instance_id, role),
        )
        endpoints = self._machines.listen(instance_id, *services.ENDPOINTS)
        serving = services.Server(
            services.secure(endpoints, self._tls), services.endpoints_handler(settings)
        )
        listener = self._machines.listen(instance_id, *services.METADATA)
        answering = services.Server(
            listener,
            services.metadata_handler(metadata, lambda: self._view.instance(instance_id).hop_limit),
        )
        with self._lock:
            self._open[instance_id] = [serving, answering]

    def close(self, instance_id: str) -> None:
        """Stops both servers, if they run."""
        with self._lock:
            ending = self._open.pop(instance_id, [])
        for server in ending:
            server.close()

    def close_all(self) -> None:
        """Stops every server."""
        for instance_id in list(self._open):
            self.close(instance_id)

    def _role(self, instance_id: str) -> Role | None:
        return self._view.role(self._view.instance(instance_id).profile)

    def _knows(self, instance_id: str, key: str) -> bool:
        issued = self._issued.get(instance_id)
        return issued is not None and issued.access_key_id == key

    def _issue(self, instance_id: str, role: Role) -> Credentials:
        from moto.sts.models import sts_backends

        now = datetime.datetime.now(datetime.UTC)
        known = self._issued.get(instance_id)
        if known and known.expires - now > datetime.timedelta(minutes=15):
            return known
        assumed = sts_backends[ACCOUNT_ID]["aws"].assume_role(
            region_name=REGION,
            role_session_name=instance_id,
            role_arn=role.arn,
            policy="",
            duration=CREDENTIALS_SECONDS,
            external_id="",
        )
        self._issued[instance_id] = Credentials(
            assumed.access_key_id, assumed.secret_access_key, assumed.session_token, now
        )
        return self._issued[instance_id]


class Daemon:
    """Everything the process runs, put together."""

    def __init__(
        self, home: Path, cloud_id: str, image: str, artifact: services.Artifact, port: int
    ) -> None:
        self._home, self._cloud_id = home, cloud_id
        api.prepare(home)
        self.view = View(ACCOUNT_ID, REGION)
        self._machines = Machines(cloud_id, image)
        self._authority = Authority(datetime.datetime.now(datetime.UTC))
        self._api = api.Api(port, self._heard)
        self._services = MachineServices(
            self._machines, self.view, self._authority, self._api.address, artifact, home
        )
        self._reconciler = Reconciler(self.view, self._machines, self._services, self._spec)
        self._seen: set[str] = set()
        catalogue.publish_parameters(self.view.ssm)

    def run(self) -> None:
        """Answers until SIGTERM or SIGINT, then removes every machine."""
        ended = threading.Event()

        def end(number: int, frame: FrameType | None) -> None:
            ended.set()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        self._api.run()
        self._reconciler.run()
        self._announce()
        log.info("answering at http://%s:%d", *self._api.address)
        ended.wait()
        log.info("ending")
        self._api.end()
        self._reconciler.end()
        self._services.close_all()
        for removed in self._machines.remove_everything():
            log.info("removed %s", removed)

    def _announce(self) -> None:
        host, port = self._api.address
        content = {
            "endpoint": f"http://{host}:{port}",
            "region": REGION,
            "account": ACCOUNT_ID,
            "pid": os.getpid(),
            "id": self._cloud_id,
            "k3sVersion": self._services.artifact.version,
            "k3sBinary": str(self._services.artifact.path),
        }
        new = self._home / "endpoint.json.new"
        new.write_text(json.dumps(content, indent=1) + "\n")
        new.replace(self._home / "endpoint.json")

    def _spec(self, facts: InstanceFacts) -> MachineSpec:
        address = services.ENDPOINTS[0]
        return MachineSpec(
            instance_id=facts.instance_id,
            hostname=facts.hostname,
            private_ip=facts.private_ip,
            mac=facts.mac,
            network=facts.subnet_id,
            subnet_cidr=facts.subnet_cidr,
            names=dict.fromkeys(services.names(REGION), address),
            ca_certificate=self._authority.certificate,
        )

    def _heard(self, action: str, arguments: dict[str, list[str]]) -> None:
        if action == "RunInstances":
            self.view.hold_new(self._seen)
        if action == "TerminateInstances":
            self.view.free_interfaces_of_the_terminated()
        if action == "RebootInstances":
            for name, values in arguments.items():
                if name.startswith("InstanceId"):
                    self._reconciler.reboot(values[0])
        self._reconciler.wake()


def serve(home: Path, cloud_id: str, image: str, artifact: services.Artifact, port: int) -> None:
    """The daemon's process, from start to end."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for chatty in ("werkzeug", "botocore", "urllib3", "docker"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    Daemon(home, cloud_id, image, artifact, port).run()
