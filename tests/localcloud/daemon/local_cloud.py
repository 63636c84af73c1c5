"""A whole daemon in this process, on machines that only remember what was asked of them."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import boto3

from localcloud.aws_api.public_images import IMAGES
from localcloud.daemon import Daemon
from localcloud.errors import MachineError
from localcloud.instance.servers import METADATA
from localcloud.machines import Ingress, MachineSpec
from tests.localcloud.load_balancers.loopback_network import LoopbackNetwork
from tests.localcloud.waiting import until

DEADLINE_SECONDS = 10.0


def client(service: str, endpoint: str, region: str = "us-east-1") -> Any:
    """A client as an operator has it."""
    made: Any = boto3.client  # its overloads know no service by variable
    return made(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@dataclass
class RecordingVolumes:
    """Volumes without loop devices; `busy` names those that a machine uses."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    devices: dict[str, tuple[str, int]] = field(default_factory=dict)
    """The instance that has each volume, and the size it has there."""
    files: set[str] = field(default_factory=set)
    busy: set[str] = field(default_factory=set)
    failing: dict[str, str] = field(default_factory=dict)

    def attach(self, instance_id: str, volume_id: str, gib: int) -> None:
        self.calls.append(("attach", volume_id))
        if "attach" in self.failing:
            raise MachineError(self.failing["attach"])
        self.devices[volume_id] = (instance_id, gib)
        self.files.add(volume_id)

    def detach(self, volume_id: str, instance_id: str | None) -> bool:
        self.calls.append(("detach" if instance_id else "release", volume_id))
        if volume_id in self.busy:
            return False
        self.devices.pop(volume_id, None)
        return True

    def delete(self, volume_id: str) -> None:
        assert volume_id not in self.devices
        self.files.discard(volume_id)

    def all(self) -> set[str]:
        return set(self.files)


@dataclass
class RecordingMachines:
    """Machines without Docker; `failing` names calls that raise, `opened` holds back `create`."""

    volumes: RecordingVolumes = field(default_factory=RecordingVolumes)
    calls: list[tuple[str, str]] = field(default_factory=list)
    specs: dict[str, MachineSpec] = field(default_factory=dict)
    admitted: dict[str, list[Ingress]] = field(default_factory=dict)
    published: dict[str, str] = field(default_factory=dict)
    sockets: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    consoles: dict[str, bytes] = field(default_factory=dict)
    failing: dict[str, str] = field(default_factory=dict)
    opened: threading.Event = field(default_factory=threading.Event)
    off: set[str] = field(default_factory=set)
    _pids: dict[str, int] = field(default_factory=dict)
    _next: count[int] = field(default_factory=lambda: count(100))

    def __post_init__(self) -> None:
        self.opened.set()

    def create(self, spec: MachineSpec) -> None:
        self._record("create", spec.instance_id)
        assert self.opened.wait(DEADLINE_SECONDS)
        self.specs[spec.instance_id] = spec

    def start(self, instance_id: str) -> None:
        self._record("start", instance_id)
        self._pids[instance_id] = next(self._next)

    def stop(self, instance_id: str) -> None:
        self._record("stop", instance_id)
        self._pids.pop(instance_id, None)

    def console(self, instance_id: str) -> bytes:
        return self.consoles.get(instance_id, b"")

    def remove(self, instance_id: str) -> None:
        self._record("remove", instance_id)
        self._pids.pop(instance_id, None)
        self.specs.pop(instance_id, None)

    def running(self) -> dict[str, int]:
        return dict(self._pids)

    def all(self) -> set[str]:
        return set(self.specs)

    def listen(self, instance_id: str, address: str, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", 0))
        self.sockets[instance_id, address] = listener.getsockname()
        return listener

    def admit(self, instance_id: str, rules: Sequence[Ingress]) -> None:
        self._record("admit", instance_id)
        self.admitted[instance_id] = list(rules)

    def publish(self, addresses: Mapping[str, str]) -> None:
        self.published = dict(addresses)

    def remove_everything(self) -> list[str]:
        return []

    def ends_by_itself(self, instance_id: str) -> None:
        del self._pids[instance_id]

    def powers_off(self, instance_id: str) -> None:
        self.off.add(instance_id)
        del self._pids[instance_id]

    def powered_off(self, instance_id: str) -> bool:
        return instance_id in self.off

    def calls_for(self, instance_id: str) -> list[str]:
        return [call for call, each in list(self.calls) if each == instance_id]

    def _record(self, call: str, instance_id: str) -> None:
        self.calls.append((call, instance_id))
        if call in self.failing:
            raise MachineError(self.failing[call])


@dataclass
class LocalCloud:
    """The daemon, its machines, and clients of its API as an operator has them."""

    home: Path
    machines: RecordingMachines
    daemon: Daemon
    outside: LoopbackNetwork

    @property
    def endpoint(self) -> str:
        return str(json.loads((self.home / "endpoint.json").read_text())["endpoint"])

    def client(self, service: str, region: str = "us-east-1") -> Any:
        return client(service, self.endpoint, region)

    @cached_property
    def ec2(self) -> Any:
        return self.client("ec2")

    def until(self, holds: Callable[[], Any]) -> Any:
        """What `holds` gives once it is true."""
        return until(
            holds,
            "it did not come to be",
            deadline_seconds=DEADLINE_SECONDS,
            pause_seconds=0.02,
        )

    def image(self) -> str:
        """The image of Debian for x86_64."""
        return next(each.ami for each in IMAGES if each.architecture == "x86_64")

    def network(self, cidr: str = "10.79.0.0/16") -> tuple[str, str]:
        """A VPC with one subnet."""
        vpc = self.ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
        subnet = self.ec2.create_subnet(VpcId=vpc, CidrBlock=cidr.replace("/16", "/20"))
        return vpc, subnet["Subnet"]["SubnetId"]

    def group(self, vpc: str, name: str) -> str:
        made = self.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)
        return str(made["GroupId"])

    def admit(self, group: str, port: int, **source: Any) -> None:
        rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **source}
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])

    def interface(self, subnet: str, *groups: str) -> dict[str, Any]:
        made = self.ec2.create_network_interface(SubnetId=subnet, Groups=list(groups))
        found: dict[str, Any] = made["NetworkInterface"]
        return found

    def run(self, interface: str, **more: Any) -> str:
        """Asks for an instance on the interface, without waiting for it."""
        made = self.ec2.run_instances(
            ImageId=self.image(),
            InstanceType="t3.small",
            MinCount=1,
            MaxCount=1,
            NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": interface}],
            **more,
        )
        return str(made["Instances"][0]["InstanceId"])

    def instance(self, instance_id: str) -> dict[str, Any]:
        found = self.ec2.describe_instances(InstanceIds=[instance_id])
        instance: dict[str, Any] = found["Reservations"][0]["Instances"][0]
        return instance

    def state(self, instance_id: str) -> str:
        return str(self.instance(instance_id)["State"]["Name"])

    def becomes(self, instance_id: str, state: str) -> None:
        self.until(lambda: self.state(instance_id) == state)

    def running_instance(self, **more: Any) -> str:
        """An instance of its own network that runs."""
        _, subnet = self.network()
        instance_id = self.run(self.interface(subnet)["NetworkInterfaceId"], **more)
        self.becomes(instance_id, "running")
        return instance_id

    def profile(self, name: str, *statements: Mapping[str, Any]) -> dict[str, str]:
        """An instance profile whose role may do what the statements say."""
        iam = self.client("iam")
        iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=policy)
        iam.create_instance_profile(InstanceProfileName=name)
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
        return {"Name": name}

    def request(
        self, instance_id: str, method: str, path: str, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """The answer of the machine's metadata service."""
        connection = http.client.HTTPConnection(*self.machines.sockets[instance_id, METADATA[0]])
        try:
            connection.request(method, path, headers=dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def metadata(self, instance_id: str, path: str) -> str:
        """What the metadata service says to a machine that has a session."""
        ttl = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
        _, token = self.request(instance_id, "PUT", "/latest/api/token", ttl)
        session = {"X-aws-ec2-metadata-token": token.decode()}
        status, body = self.request(instance_id, "GET", path, session)
        assert status == 200, path
        return body.decode()
