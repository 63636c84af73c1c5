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
import random
import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

from localcloud import architectures
from localcloud.attachments import Attachments
from localcloud.aws_api import (
    addresses,
    console_output,
    load_balancing,
    moto_patches,
    public_images,
    server,
)
from localcloud.aws_api.ec2_constraints import ApiError, Arguments, violation
from localcloud.aws_api.instance_states import InstanceStates
from localcloud.aws_api.instances import Ec2Instance
from localcloud.aws_api.interruptions import Interruptions
from localcloud.aws_api.moto_state import MotoState
from localcloud.aws_api.volumes import VolumeStates
from localcloud.instance import servers
from localcloud.instance.authority import Authority
from localcloud.instance.services import MachineServices
from localcloud.load_balancers.health import HealthTable
from localcloud.load_balancers.network import HostNetwork, Network
from localcloud.load_balancers.service import LoadBalancers
from localcloud.machines import MachineSpec
from localcloud.machines.host import Host
from localcloud.reconciler import Pace, Reconciler

log = logging.getLogger("localcloud")

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"


class Daemon:
    """Everything the process runs, put together."""

    def __init__(
        self,
        home: Path,
        cloud_id: str,
        machines: Host,
        artifact: servers.Artifact,
        port: int,
        pace: Pace,
        network: Network | None = None,
    ) -> None:
        self._home, self._cloud_id = home, cloud_id
        server.prepare(home)
        self.state = MotoState(ACCOUNT_ID, REGION)
        self._machines = machines
        self._authority = Authority(datetime.datetime.now(datetime.UTC))
        self._api = server.Api(
            port,
            server.Hooks(
                region=REGION,
                check=self._check,
                on_change=self._on_change,
                status=self._status,
                interrupt=self._interrupt,
            ),
        )
        self._services = MachineServices(
            self._machines, self.state, self._authority, self._api.address, artifact, home
        )
        self._states = InstanceStates(lambda: self.state.ec2)
        attachments = Attachments(
            self.state, VolumeStates(lambda: self.state.ec2), self._machines.volumes
        )
        self._reconciler = Reconciler(
            self.state, self._states, self._machines, self._services, attachments, self._spec, pace
        )
        self._health = HealthTable()
        self._balancers = LoadBalancers(
            lambda: load_balancing.configuration(self.state),
            network or HostNetwork(cloud_id),
            self._health,
            lambda arn: load_balancing.activate(self.state, arn),
        )
        self._began = time.monotonic()
        public_images.publish_parameters(self.state.ssm)
        addresses.install(lambda: self.state.ec2, random.SystemRandom())
        moto_patches.install()
        console_output.install(machines.console)
        self._interruptions = Interruptions(lambda: self.state.ec2, self._wake)
        load_balancing.follow(self._health.reported)

    def run(self) -> None:
        """Answers until SIGTERM or SIGINT, then removes every machine."""
        ended = threading.Event()

        def end(number: int, frame: FrameType | None) -> None:
            ended.set()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        self.start()
        ended.wait()
        self.end()

    def start(self) -> None:
        """Starts answering, and writes its address to endpoint.json."""
        self._api.run()
        self._reconciler.run()
        self._balancers.run()
        self._announce()
        log.info("answering at http://%s:%d", *self._api.address)

    def end(self) -> None:
        """Stops answering and removes every machine."""
        log.info("ending")
        self._api.end()
        self._balancers.end()
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
            "k3sBinary": str(self._services.artifact.files[architectures.HERE]),
            "k3sSha256": architectures.sha256_of(self._services.artifact.files),
            "emulated": self._services.artifact.emulated,
        }
        new = self._home / "endpoint.json.new"
        new.write_text(json.dumps(content, indent=1) + "\n")
        new.replace(self._home / "endpoint.json")

    def _spec(self, instance: Ec2Instance) -> MachineSpec:
        address = servers.ENDPOINTS[0]
        return MachineSpec(
            instance_id=instance.instance_id,
            hostname=instance.hostname,
            private_ip=instance.private_ip,
            mac=instance.mac,
            network=instance.subnet_id,
            subnet_cidr=instance.subnet_cidr,
            vpc_cidr=instance.vpc_cidr,
            names=dict.fromkeys(servers.names(REGION, self.state.buckets()), address),
            ca_certificate=self._authority.certificate,
            login_user=public_images.LOGIN_USERS[instance.image_id],
            emulated=self._services.artifact.emulated
            and instance.architecture == architectures.OTHER,
        )

    def _check(self, action: str, arguments: Arguments) -> ApiError | None:
        return violation(self.state.ec2, action, arguments)

    def _on_change(self, action: str, arguments: Arguments) -> None:
        if action == "RebootInstances":
            for name, values in arguments.items():
                if name.startswith("InstanceId"):
                    self._reconciler.reboot(values[0])
        self._wake()

    def _wake(self) -> None:
        self._states.hold()
        self._reconciler.wake()
        self._balancers.wake()

    def _interrupt(self, instance_id: str, seconds: float) -> dict[str, Any]:
        end = self._interruptions.announce(instance_id, seconds)
        return {"instanceId": instance_id, "time": end.isoformat(timespec="seconds")}

    def _status(self) -> dict[str, Any]:
        published = {private: public for public, private in self.state.public_addresses().items()}
        return {
            "uptimeSeconds": round(time.monotonic() - self._began),
            "instances": [
                {
                    "id": each.instance_id,
                    "state": each.state,
                    "type": each.instance_type,
                    "privateIp": each.private_ip,
                    "publicIp": published.get(each.private_ip),
                }
                for each in self.state.instances()
            ],
            "loadBalancers": load_balancing.status(self.state),
            "failures": self._reconciler.failures,
        }


def serve(home: Path, cloud_id: str, machines: Host, artifact: servers.Artifact, port: int) -> None:
    """The daemon's process, from start to end."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for chatty in ("werkzeug", "botocore", "urllib3", "docker"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    Daemon(home, cloud_id, machines, artifact, port, Pace()).run()
