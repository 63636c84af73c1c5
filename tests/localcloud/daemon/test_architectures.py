"""What machines of the architecture this host does not have are given."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from localcloud import architectures
from localcloud.aws_api.public_images import IMAGES
from tests.localcloud.daemon.local_cloud import LocalCloud

BINARY = b"a program of this host"


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    made = tmp_path / "k3s"
    made.write_bytes(BINARY)
    return made


def test_without_emulation_it_is_this_hosts_code_under_a_hash_of_its_own(
    binary: Path, tmp_path: Path
) -> None:
    found = architectures.files(binary, tmp_path, None)
    assert found[architectures.HERE] == binary
    other = found[architectures.OTHER].read_bytes()
    assert other.startswith(BINARY)
    assert len(set(architectures.sha256_of(found).values())) == 2
    assert "is not emulated here" in architectures.notice(emulated=False)


def test_with_emulation_it_is_what_was_given(binary: Path, tmp_path: Path) -> None:
    emulated = tmp_path / "emulated"
    emulated.write_bytes(b"a program of the other architecture")
    before = set(tmp_path.iterdir())
    assert architectures.files(binary, tmp_path, emulated)[architectures.OTHER] == emulated
    assert set(tmp_path.iterdir()) == before
    assert "through qemu-user" in architectures.notice(emulated=True)


@pytest.mark.parametrize("emulated", [True, False])
def test_a_machine_is_emulated_where_the_cloud_does_and_it_is_of_the_other_architecture(
    cloud: LocalCloud, emulated: bool
) -> None:
    services = cloud.daemon._services
    services.artifact = replace(services.artifact, emulated=emulated)
    _, subnet = cloud.network()
    images = {each.architecture: each.ami for each in IMAGES}
    types = {"x86_64": "t3.small", "arm64": "t4g.small"}
    for architecture, instance_type in types.items():
        interface = cloud.interface(subnet)["NetworkInterfaceId"]
        made = cloud.ec2.run_instances(
            ImageId=images[architecture],
            InstanceType=instance_type,
            MinCount=1,
            MaxCount=1,
            NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": interface}],
        )
        instance_id = made["Instances"][0]["InstanceId"]
        cloud.becomes(instance_id, "running")
        wanted = emulated and architecture == architectures.OTHER
        assert cloud.machines.specs[instance_id].emulated is wanted


def test_the_announcement_has_whether_it_emulates(cloud: LocalCloud) -> None:
    assert json.loads((cloud.home / "endpoint.json").read_text())["emulated"] is False
