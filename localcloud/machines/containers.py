"""Machines as Docker system containers: made, started, stopped, removed; nothing left behind."""

from __future__ import annotations

import ipaddress
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import docker.errors
import docker.types

from localcloud.errors import MachineError
from localcloud.machines import elastic_ips, first_process, host_addresses, ingress, sockets, vpcs
from localcloud.machines.commands import inside
from localcloud.machines.docker_client import archive, connect, translate_errors
from localcloud.machines.ingress import Ingress
from localcloud.machines.system_container import WRITTEN, host_config
from localcloud.machines.volumes import Volumes

LABEL = "k3s-aws.localcloud"
INSTANCE_LABEL = "k3s-aws.instance"
# How long a machine may take to shut down; EC2 gives it a few minutes.
GRACE_SECONDS = 240


@dataclass(frozen=True, kw_only=True)
class MachineSpec:
    """One instance as Docker has to know it; `network` is a key, such as the subnet's id."""

    instance_id: str
    hostname: str
    private_ip: str
    mac: str
    network: str
    subnet_cidr: str
    vpc_cidr: str
    names: Mapping[str, str]
    ca_certificate: str
    login_user: str = "admin"
    emulated: bool = False
    """Made from the image of the architecture this host does not have."""

    @property
    def gateway(self) -> str:
        """The first address of the subnet, AWS's router; here it stands for the outside too."""
        return str(next(ipaddress.ip_network(self.subnet_cidr).hosts()))


class Machines:
    """
    The machines of one local cloud.

    Every call may be repeated; what is there already, or gone already, is fine. All objects carry
    the label `k3s-aws.localcloud=<cloud id>`; EBS volumes are in the cloud's home.
    Raises MachineError.
    """

    def __init__(self, cloud_id: str, image: str, emulated_image: str = "", *, home: Path) -> None:
        self.cloud_id, self.image, self.emulated_image = cloud_id, image, emulated_image
        self.volumes = Volumes(home / "volumes", self.execute)
        self._docker = connect()
        self._networks = threading.Lock()

    def create(self, spec: MachineSpec) -> None:
        """Creates the machine's network where it is missing, and the machine; does not start it."""
        with translate_errors(f"machine {spec.instance_id}"):
            if self._find(spec.instance_id) is None:
                self._create(spec, self._ensure_network(spec))

    def start(self, instance_id: str) -> None:
        """Boots the machine; it waits for its metadata service before systemd starts."""
        with translate_errors(f"machine {instance_id}"):
            self.container(instance_id).start()

    def stop(self, instance_id: str, grace_seconds: int = GRACE_SECONDS) -> None:
        """Shuts the machine down, at last by force; its disk and addresses stay."""
        with translate_errors(f"machine {instance_id}"):
            if container := self._find(instance_id):
                # Before that the signal is lost, and nothing shuts the machine down.
                first_process.wait_until_it_listens(container.attrs["State"]["Pid"])
                container.stop(timeout=grace_seconds)

    def console(self, instance_id: str) -> bytes:
        """What the machine wrote to its console, over all its starts; empty when it is gone."""
        with translate_errors(f"machine {instance_id}"):
            container = self._find(instance_id)
            return container.logs() if container else b""

    def powered_off(self, instance_id: str) -> bool:
        """Whether the machine ended in the way of a power-off or halt; a reboot ends otherwise."""
        with translate_errors(f"machine {instance_id}"):
            container = self._find(instance_id)
            state = container.attrs["State"] if container else {}
        return not state.get("Running") and state.get("ExitCode") == first_process.POWERED_OFF

    def remove(self, instance_id: str) -> None:
        """Removes the machine and its volumes; its network too when it was the last one there."""
        with translate_errors(f"machine {instance_id}"):
            if container := self._find(instance_id):
                networks = list(container.attrs["NetworkSettings"]["Networks"])
                container.remove(v=True, force=True)
                self._remove_empty(networks)

    def running(self) -> dict[str, int]:
        """The first process of each machine that runs, by instance id."""
        with translate_errors("the machines"):
            found = self._containers(all=False)
            return {each.labels[INSTANCE_LABEL]: each.attrs["State"]["Pid"] for each in found}

    def all(self) -> set[str]:
        """The instance id of each machine, running or not."""
        with translate_errors("the machines"):
            return {each.labels[INSTANCE_LABEL] for each in self._containers(all=True)}

    def container(self, instance_id: str) -> Any:
        """The container a machine is. Raises MachineError when there is none."""
        container = self._find(instance_id)
        if container is None:
            raise MachineError(f"machine {instance_id} does not exist")
        return container

    def execute(self, instance_id: str, words: Sequence[str]) -> str:
        """The output of a command in a machine that runs."""
        with translate_errors(f"machine {instance_id}"):
            code, output = self.container(instance_id).exec_run(list(words))
        text: str = output.decode(errors="replace")
        if code != 0:
            last = (text.strip() or "no message").splitlines()[-1]
            raise MachineError(f'machine {instance_id}: "{words[0]}" failed: {last}')
        return text

    def listen(self, instance_id: str, address: str, port: int) -> Any:
        """A listening socket inside the machine's network namespace."""
        return sockets.listen(self._running_pid(instance_id), address, port)

    def admit(self, instance_id: str, rules: Sequence[Ingress]) -> None:
        """Replaces the machine's ingress rules."""
        pid = self._running_pid(instance_id)
        inside(pid, ["iptables-restore", "--wait"], stdin=ingress.render(rules))

    def publish(self, addresses: Mapping[str, str]) -> None:
        """Replaces the whole table of Elastic IPs, each with its private address."""
        elastic_ips.publish(self.cloud_id, addresses)

    def remove_everything(self) -> list[str]:
        """Removes every trace of this cloud on the host; gives what it removed, by name."""
        removed = []
        with translate_errors("the machines"):
            for container in self._containers(all=True):
                container.remove(v=True, force=True)
                removed.append(f"machine {container.labels.get(INSTANCE_LABEL, container.name)}")
            for network in self._docker.networks.list(filters={"label": self._label}):
                network.remove()
                removed.append(f"network {network.name}")
        removed += host_addresses.withdraw(self.cloud_id)
        removed += elastic_ips.withdraw(self.cloud_id) + vpcs.withdraw(self.cloud_id)
        return removed + self.volumes.remove_everything()

    @property
    def _label(self) -> str:
        return f"{LABEL}={self.cloud_id}"

    def _name(self, key: str) -> str:
        return f"k3saws-{self.cloud_id}-{key}"

    def _containers(self, *, all: bool) -> list[Any]:
        found: list[Any] = self._docker.containers.list(
            all=all, filters={"label": self._label}, ignore_removed=True
        )
        return found

    def _find(self, instance_id: str) -> Any | None:
        try:
            return self._docker.containers.get(self._name(instance_id))
        except docker.errors.NotFound:
            return None

    def _running_pid(self, instance_id: str) -> int:
        pid: int = self.container(instance_id).attrs["State"]["Pid"]
        if pid == 0:
            raise MachineError(f"machine {instance_id} does not run")
        return pid

    def _create(self, spec: MachineSpec, network: str) -> None:
        api = self._docker.api
        container = api.create_container(
            image=self.emulated_image if spec.emulated else self.image,
            name=self._name(spec.instance_id),
            hostname=spec.hostname.split(".", 1)[0],
            detach=True,
            # /dev/console.
            tty=True,
            # qemu-user hands real-time signals on under other numbers.
            stop_signal="SIGPWR" if spec.emulated else "SIGRTMIN+3",
            environment={"container": "docker"},
            volumes=list(WRITTEN),
            labels={LABEL: self.cloud_id, INSTANCE_LABEL: spec.instance_id},
            mac_address=spec.mac,
            host_config=host_config(api, spec.names),
            networking_config=api.create_networking_config(
                {network: api.create_endpoint_config(ipv4_address=spec.private_ip)}
            ),
        )
        authority = archive("local-cloud.crt", spec.ca_certificate.encode())
        api.put_archive(container["Id"], "/usr/local/share/ca-certificates", authority)
        user = json.dumps({"system_info": {"default_user": {"name": spec.login_user}}})
        login = archive("95-login-user.cfg", user.encode())
        api.put_archive(container["Id"], "/etc/cloud/cloud.cfg.d", login)

    def _ensure_network(self, spec: MachineSpec) -> str:
        name = self._name(spec.network)
        with self._networks:
            if not self._docker.networks.list(names=[f"^{name}$"]):
                pool = docker.types.IPAMPool(subnet=spec.subnet_cidr, gateway=spec.gateway)
                # The kernel allows 15 characters for an interface.
                bridge = f"k3s{self.cloud_id[:4]}{spec.network[-8:]}"
                try:
                    self._docker.networks.create(
                        name,
                        ipam=docker.types.IPAMConfig(pool_configs=[pool]),
                        options={"com.docker.network.bridge.name": bridge},
                        labels={LABEL: self.cloud_id},
                    )
                except docker.errors.APIError as error:
                    raise MachineError(self._why_no_network(spec, error)) from None
                elastic_ips.route_loopback(bridge)
                vpcs.join(self.cloud_id, spec.vpc_cidr)
        return name

    def _why_no_network(self, spec: MachineSpec, error: docker.errors.APIError) -> str:
        wanted = ipaddress.ip_network(spec.subnet_cidr)
        for network in self._docker.networks.list():
            for pool in (network.attrs.get("IPAM") or {}).get("Config") or []:
                if wanted.overlaps(ipaddress.ip_network(pool["Subnet"], strict=False)):
                    return (
                        f"subnet {wanted} overlaps the Docker network {network.name!r} "
                        f"({pool['Subnet']})\n    choose another cluster.network.vpcCidr, "
                        "or remove that network"
                    )
        return f"no Docker network for subnet {wanted}: {error.explanation}"

    def _remove_empty(self, names: Sequence[str]) -> None:
        with self._networks:
            for network in self._docker.networks.list(filters={"label": self._label}):
                network.reload()
                if network.name in names and not self._users_of(network.name):
                    network.remove()

    def _users_of(self, network: str) -> list[Any]:
        found: list[Any] = self._docker.containers.list(
            all=True, filters={"network": network}, ignore_removed=True
        )
        return found
