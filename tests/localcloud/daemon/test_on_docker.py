"""The whole cloud on real machines, as an operator starts and uses it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import docker
import docker.errors
import pytest

from localcloud.aws_api.public_images import IMAGES
from localcloud.machines import ensure_image
from localcloud.machines.volumes import by_id
from tests.localcloud import waiting
from tests.localcloud.daemon.local_cloud import client
from tests.localcloud.leftovers import remembered

pytestmark = pytest.mark.localcloud

ROOT = Path(__file__).parents[3]
DEADLINE_SECONDS = 120.0
until = partial(
    waiting.until,
    what="it did not come to be",
    deadline_seconds=DEADLINE_SECONDS,
    pause_seconds=0.2,
)
CLOUD_CONFIG = """#cloud-config
write_files:
  - {path: /etc/motd, content: "booted by cloud-init"}
"""


@dataclass
class Home:
    """A local cloud of its own, driven by its command line."""

    path: Path
    k3s: Path

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "localcloud", "--home", str(self.path), *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )

    def start(self, *more: str) -> subprocess.CompletedProcess[str]:
        return self.command("start", "--k3s-binary", str(self.k3s), "--k3s-version", "v1", *more)

    def status(self) -> dict[str, Any]:
        reported: dict[str, Any] = json.loads(self.command("status", "--json").stdout)
        return reported


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    k3s = tmp_path / "k3s"
    k3s.write_text("#!/bin/sh\n")
    # Its building takes longer than a command, and says so.
    ensure_image(print)
    made = Home(tmp_path / "home", k3s)
    with remembered(made.path):
        yield made
        made.command("stop")


@dataclass
class Cloud:
    """A started cloud with one network."""

    home: Home
    ec2: Any
    subnet: str
    group: str

    def run(self) -> tuple[str, str]:
        """A running instance with a public address: both."""
        interface = self.ec2.create_network_interface(SubnetId=self.subnet, Groups=[self.group])
        interface_id = interface["NetworkInterface"]["NetworkInterfaceId"]
        address = self.ec2.allocate_address(Domain="vpc")
        self.ec2.associate_address(
            AllocationId=address["AllocationId"], NetworkInterfaceId=interface_id
        )
        made = self.ec2.run_instances(
            ImageId=next(each.ami for each in IMAGES if each.architecture == "x86_64"),
            InstanceType="t3.small",
            MinCount=1,
            MaxCount=1,
            UserData=CLOUD_CONFIG,
            MetadataOptions={"HttpTokens": "required"},
            NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": interface_id}],
        )
        instance_id = made["Instances"][0]["InstanceId"]
        self.becomes(instance_id, "running")
        return instance_id, str(address["PublicIp"])

    def becomes(self, instance_id: str, state: str) -> None:
        until(lambda: self.state(instance_id) == state, what=self.home.status)

    def state(self, instance_id: str) -> str:
        found = self.ec2.describe_instances(InstanceIds=[instance_id])
        return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])

    def volume(self, instance_id: str, **more: Any) -> str:
        """A new volume of 1 GiB in the instance's zone."""
        found = self.ec2.describe_instances(InstanceIds=[instance_id])
        zone = found["Reservations"][0]["Instances"][0]["Placement"]["AvailabilityZone"]
        made = self.ec2.create_volume(AvailabilityZone=zone, Size=1, VolumeType="gp3", **more)
        return str(made["VolumeId"])

    def attach(self, volume_id: str, instance_id: str) -> None:
        self.ec2.attach_volume(VolumeId=volume_id, InstanceId=instance_id, Device="/dev/sdf")
        until(lambda: self.attachment(volume_id) == "attached")

    def attachment(self, volume_id: str) -> str | None:
        """The state of the volume's attachment."""
        (volume,) = self.ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"]
        return str(volume["Attachments"][0]["State"]) if volume["Attachments"] else None

    def shell(self, instance_id: str, script: str) -> str:
        """The output of a script in the machine, which succeeds."""
        code, output = self.inside(instance_id, "sh", "-euc", script)
        assert code == 0, output
        return output.strip()

    def inside(self, instance_id: str, *words: str) -> tuple[int, str]:
        """Runs a command in the machine."""
        cloud_id = self.home.status()["id"]
        machine = docker.from_env().containers.get(f"k3saws-{cloud_id}-{instance_id}")
        code, output = machine.exec_run(list(words))
        return code, output.decode()

    def began(self, instance_id: str) -> str | None:
        """When the machine's first process started; None while there is none."""
        try:
            return self.inside(instance_id, "cat", "/proc/1/stat")[1].split()[21]
        except (docker.errors.APIError, IndexError):
            return None

    def booted(self, instance_id: str) -> None:
        """Waits until cloud-init has done all it was told."""
        result = ["test", "-e", "/run/cloud-init/result.json"]
        until(lambda: self.inside(instance_id, *result)[0] == 0)


@pytest.fixture
def cloud(home: Home) -> Cloud:
    started = home.start()
    assert started.returncode == 0, started.stderr
    ec2 = client("ec2", started.stdout.strip())
    vpc = ec2.create_vpc(CidrBlock="10.213.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.213.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="ssh", Description="ssh", VpcId=vpc)["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[{**rule, "IpRanges": [{"CidrIp": "127.0.0.0/8"}]}]
    )
    return Cloud(home, ec2, subnet, group)


def responses(address: str, port: int) -> str | None:
    """The first words of who listens there; None where nobody does."""
    try:
        with socket.create_connection((address, port), timeout=2) as connection:
            return connection.recv(64).decode()
    except OSError:
        return None


def refuses(address: str, port: int) -> bool:
    """Whether the machine itself says that nobody listens there; a filter says nothing."""
    try:
        socket.create_connection((address, port), timeout=2).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def test_an_instance_boots_its_user_data_and_lives_as_on_ec2(cloud: Cloud) -> None:
    instance_id, address = cloud.run()
    cloud.booted(instance_id)
    assert cloud.inside(instance_id, "cat", "/etc/motd") == (0, "booted by cloud-init")
    assert instance_id in cloud.inside(instance_id, "cloud-init", "query", "instance_id")[1]
    until(lambda: (responses(address, 22) or "").startswith("SSH-2.0"))

    first = cloud.began(instance_id)
    cloud.ec2.reboot_instances(InstanceIds=[instance_id])
    until(lambda: cloud.began(instance_id) not in (None, first))
    until(lambda: (responses(address, 22) or "").startswith("SSH-2.0"))
    cloud.ec2.stop_instances(InstanceIds=[instance_id])
    cloud.becomes(instance_id, "stopped")
    assert responses(address, 22) is None
    cloud.ec2.start_instances(InstanceIds=[instance_id])
    cloud.becomes(instance_id, "running")
    until(lambda: (responses(address, 22) or "").startswith("SSH-2.0"))
    assert cloud.inside(instance_id, "cat", "/etc/motd") == (0, "booted by cloud-init")

    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    cloud.becomes(instance_id, "terminated")
    assert cloud.home.status()["machines"] == []


def test_a_volume_keeps_its_data_from_one_instance_to_the_next(cloud: Cloud) -> None:
    first, _ = cloud.run()
    volume = cloud.volume(first, Encrypted=True)
    device = by_id(volume)
    cloud.attach(volume, first)
    assert cloud.shell(first, f"blockdev --getsize64 {device}") == str(1 << 30)
    cloud.shell(first, f"mkfs.ext4 -q {device}; mount {device} /mnt; echo kept >/mnt/file")

    # Detached while it is mounted, it stays until it no longer is.
    cloud.ec2.detach_volume(VolumeId=volume)
    until(lambda: cloud.attachment(volume) == "busy")
    assert cloud.shell(first, "cat /mnt/file") == "kept"
    cloud.shell(first, "umount /mnt")
    until(lambda: cloud.attachment(volume) is None)
    assert cloud.inside(first, "ls", "/dev/nvme1n1", device)[0] != 0

    cloud.attach(volume, first)
    cloud.shell(first, f"mount {device} /mnt; echo grown >>/mnt/file")
    cloud.ec2.modify_volume(VolumeId=volume, Size=2)
    until(lambda: cloud.shell(first, f"blockdev --getsize64 {device}") == str(2 << 30))
    # While it is mounted ext4 grows with CAP_SYS_RESOURCE only, which no machine here has.
    cloud.shell(first, f"umount /mnt; e2fsck -fp {device}; resize2fs {device}; mount {device} /mnt")
    assert int(cloud.shell(first, "stat -fc %b /mnt")) * 4096 > 1 << 30

    # systemd unmounts it when the instance stops.
    cloud.ec2.stop_instances(InstanceIds=[first])
    cloud.becomes(first, "stopped")
    cloud.ec2.detach_volume(VolumeId=volume)
    until(lambda: cloud.attachment(volume) is None)
    assert loop_devices(cloud.home) == {}
    cloud.ec2.terminate_instances(InstanceIds=[first])

    second, _ = cloud.run()
    cloud.booted(second)
    cloud.ec2.stop_instances(InstanceIds=[second])
    cloud.becomes(second, "stopped")
    cloud.attach(volume, second)
    cloud.ec2.start_instances(InstanceIds=[second])
    cloud.becomes(second, "running")
    state = cloud.shell(second, f"dumpe2fs -h {device} 2>/dev/null | grep state")
    assert state.split() == ["Filesystem", "state:", "clean"]
    cloud.shell(second, f"mount {device} /mnt")
    assert cloud.shell(second, "cat /mnt/file").split() == ["kept", "grown"]

    began = cloud.began(second)
    cloud.ec2.reboot_instances(InstanceIds=[second])
    until(lambda: cloud.began(second) not in (None, began))
    until(lambda: cloud.inside(second, "test", "-b", device)[0] == 0)
    cloud.ec2.terminate_instances(InstanceIds=[second])
    cloud.becomes(second, "terminated")
    until(lambda: cloud.attachment(volume) is None)
    cloud.ec2.delete_volume(VolumeId=volume)
    until(lambda: list((cloud.home.path / "volumes").iterdir()) == [])
    assert loop_devices(cloud.home) == {}


def loop_devices(home: Home) -> dict[str, str]:
    """The loop devices on files of the cloud, with their files."""
    listed = ["losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE"]
    lines = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.splitlines()
    return {each.split()[0]: each.split()[1] for each in lines if str(home.path) in each}


def test_only_the_ports_of_the_security_group_are_open(cloud: Cloud) -> None:
    instance_id, address = cloud.run()
    cloud.booted(instance_id)
    serving = "import socket as s; s.create_server(('', 8080)).accept()[0].send(b'hello')"
    cloud.inside(instance_id, "systemd-run", "python3", "-c", serving)
    until(lambda: ":8080" in cloud.inside(instance_id, "ss", "-ltn")[1])
    assert responses(address, 8080) is None
    rule = {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080}
    cloud.ec2.authorize_security_group_ingress(
        GroupId=cloud.group, IpPermissions=[{**rule, "IpRanges": [{"CidrIp": "127.0.0.1/32"}]}]
    )
    until(lambda: responses(address, 8080) == "hello")


def test_a_machine_downloads_k3s_under_a_name_it_trusts(cloud: Cloud) -> None:
    instance_id, _ = cloud.run()
    cloud.booted(instance_id)
    address = "https://artifacts.localcloud.internal/k3s/v1/k3s"
    script = f"import urllib.request as u; print(u.urlopen('{address}').read().decode(), end='')"
    reported = cloud.inside(instance_id, "python3", "-c", script)
    assert reported == (0, cloud.home.k3s.read_text())


def test_six_instances_start_and_end_together(cloud: Cloud) -> None:
    with ThreadPoolExecutor(6) as pool:
        instances = [found[0] for found in pool.map(lambda _: cloud.run(), range(6))]
    assert cloud.home.status()["machines"] == sorted(instances)
    cloud.ec2.terminate_instances(InstanceIds=instances)
    for instance_id in instances:
        cloud.becomes(instance_id, "terminated")
    reported = cloud.home.status()
    assert (reported["machines"], reported["failures"]) == ([], {})


def test_nobody_but_the_machine_reaches_its_metadata_service(cloud: Cloud) -> None:
    instance_id, address = cloud.run()
    script = "import urllib.request as u\ntry: u.urlopen('http://169.254.169.254/latest/')\n"
    script += "except OSError as error: print(error.code)"
    assert cloud.inside(instance_id, "python3", "-c", script)[1].strip() == "401"
    assert responses(address, 80) is None
    rule = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    cloud.ec2.authorize_security_group_ingress(GroupId=cloud.group, IpPermissions=[rule])
    # The filter lets everything in, and a port where nobody listens says so.
    until(lambda: refuses(address, 81))
    assert refuses(address, 80)


def test_start_and_stop_may_be_repeated(home: Home) -> None:
    first, second = home.start(), home.start()
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert first.stdout == second.stdout
    assert home.status()["running"]
    first, second = home.command("stop"), home.command("stop")
    assert (first.returncode, second.returncode, second.stderr) == (0, 0, "")
    assert {file.name for file in home.path.iterdir()} == {"daemon.log", "lock"}


def test_what_a_killed_daemon_left_is_removed_by_the_next_start(cloud: Cloud) -> None:
    instance_id, _ = cloud.run()
    volume = cloud.volume(instance_id)
    cloud.attach(volume, instance_id)
    assert len(loop_devices(cloud.home)) == 1
    os.kill(cloud.home.status()["pid"], signal.SIGKILL)
    until(lambda: not cloud.home.status()["running"])
    assert cloud.home.status()["machines"] == [instance_id]
    again = cloud.home.start()
    assert again.returncode == 0
    assert f"left behind by a daemon that died, removed: machine {instance_id}" in again.stderr
    assert f"removed: volume {volume}" in again.stderr
    assert loop_devices(cloud.home) == {}
    assert cloud.home.status()["machines"] == []


def test_a_port_in_use_is_an_error_with_a_way_out(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = home.start("--port", str(port))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        f"error: port {port} on 127.0.0.1 is in use by another program\n"
        "    choose another with --port, or leave it out for a free one\n"
    )


def test_nothing_is_left_on_the_host(cloud: Cloud) -> None:
    instance_id, _ = cloud.run()
    cloud.attach(cloud.volume(instance_id), instance_id)
    cloud_id = cloud.home.status()["id"]
    assert cloud.home.command("stop").returncode == 0
    engine, of_cloud = docker.from_env(), {"label": f"k3s-aws.localcloud={cloud_id}"}
    assert engine.containers.list(all=True, filters=of_cloud) == []
    assert engine.networks.list(filters=of_cloud) == []
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    assert cloud_id not in rules
    assert loop_devices(cloud.home) == {}
    assert {file.name for file in cloud.home.path.iterdir()} == {"daemon.log", "lock"}
