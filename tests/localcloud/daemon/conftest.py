"""A daemon on recording machines; moto's memory is emptied for each test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud import architectures
from localcloud.aws_api import server
from localcloud.daemon import Daemon
from localcloud.instance.servers import Artifact
from localcloud.reconciler import Pace
from tests.localcloud.daemon.local_cloud import LocalCloud, RecordingMachines
from tests.localcloud.load_balancers.loopback_network import LoopbackNetwork

VERSION = "v1.36.4+standin1"
BINARY = bytes(range(256)) * 16


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCloud]:
    for name in (
        "MOTO_AMIS_PATH",
        "MOTO_ENABLE_AMI_VALIDATION",
        "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION",
    ):
        # So that what the daemon sets for its process ends with the test.
        monkeypatch.setenv(name, "")
    server.prepare(tmp_path)
    from moto.backends import get_backend
    from moto.ec2.models import amis, elastic_network_interfaces

    # moto reads its images once for each process; another test may have been first.
    monkeypatch.setattr(amis, "AMIS", json.loads((tmp_path / "amis.json").read_text()))
    for drawn in ("random_private_ip", "random_public_ip"):
        monkeypatch.setattr(
            elastic_network_interfaces, drawn, getattr(elastic_network_interfaces, drawn)
        )
    for service in ("ec2", "elbv2", "ssm", "iam", "sts", "s3", "kms"):
        get_backend(service).reset()
    binary = tmp_path / "k3s"
    binary.write_bytes(BINARY)
    machines = RecordingMachines()
    other = tmp_path / "k3s-of-the-other-architecture"
    other.write_bytes(BINARY[::-1])
    files = {architectures.HERE: binary, architectures.OTHER: other}
    artifact = Artifact(version=VERSION, files=files, further=tmp_path / "k3s-versions")
    pace = Pace(round_seconds=0.2, retry_seconds=0.01)
    network = LoopbackNetwork()
    daemon = Daemon(tmp_path, "0badcafe", machines, artifact, 0, pace, network)
    daemon.start()
    yield LocalCloud(tmp_path, machines, daemon, network)
    network.close()
    machines.opened.set()
    daemon.end()
