"""What leads the program to the local cloud is configuration, and only the demo's part of it."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import config
from localcloud.lifecycle import Cloud
from localcloud.workbench import stack_config
from localcloud.workbench.folder import Folder
from localcloud.workbench.workbench import Workbench
from tests.toolchain.conftest import Machine
from toolchain.host import Architecture
from toolchain.k3s import K3s

ROOT = Path("/srv/checkout")
SHA256 = {"x86_64": "ab" * 32, "arm64": "ba" * 32}
BINARY = K3s(Path("/k3s"), "v1.36.4+standin1", "the stand-in", "ab" * 32)


def merged(
    before: dict[str, Any] | None = None,
    *,
    architecture: Architecture = "x86_64",
    endpoint: str = "http://127.0.0.1:4566",
    k3s: K3s = BINARY,
) -> dict[str, Any]:
    return stack_config.merged(
        before or {},
        root=ROOT,
        architecture=architecture,
        running={"endpoint": endpoint, "region": "us-east-1", "k3sSha256": SHA256},
        k3s=k3s,
    )


@pytest.mark.parametrize(
    ("architecture", "instance_type"), [("x86_64", "t3.small"), ("arm64", "t4g.small")]
)
def test_the_program_accepts_it_as_it_is(architecture: Architecture, instance_type: str) -> None:
    raw = merged(architecture=architecture)["config"]["k3s-aws:cluster"]
    cluster = config.load(raw, stack="demo")
    assert cluster.instance_types == (instance_type,)
    assert [(pool.name, pool.count) for pool in (cluster.servers, *cluster.pools)] == [
        ("servers", 1),
        ("agents", 2),
    ]
    assert cluster.k3s.download_url == "https://artifacts.localcloud.internal/k3s"
    assert cluster.k3s.sha256 == SHA256


def test_every_service_in_use_goes_to_the_local_cloud() -> None:
    (endpoints,) = merged()["config"]["aws:endpoints"]
    services = ["ec2", "elbv2", "iam", "route53", "s3", "servicequotas", "ssm", "sts"]
    assert endpoints == dict.fromkeys(services, "http://127.0.0.1:4566")


def test_a_new_endpoint_and_another_k3s_are_followed() -> None:
    other = K3s(Path("/k3s"), "v1.36.4+k3s1", "the real release", "cd" * 32)
    again = merged(merged(), endpoint="http://127.0.0.1:9999", k3s=other)["config"]
    assert again["aws:endpoints"][0]["ec2"] == "http://127.0.0.1:9999"
    assert again["k3s-aws:cluster"]["k3s"]["version"] == "v1.36.4+k3s1"
    assert again["k3s-aws:cluster"]["k3s"]["sha256"] == {"x86_64": "cd" * 32}


def test_what_its_owner_changed_stays() -> None:
    before = merged()
    before["encryptionsalt"] = "v1:salt"
    before["config"]["k3s-aws:other"] = "mine"
    before["config"]["k3s-aws:cluster"]["pools"][0]["count"] = 3
    before["config"]["k3s-aws:cluster"]["k3s"]["components"] = {"traefik": False}
    assert merged(before) == before


def test_the_ranges_of_checkouts_spread_over_private_space() -> None:
    ranges = {stack_config.vpc_cidr(Path(f"/srv/{name}")) for name in range(40)}
    assert len(ranges) > 20
    allowed = IPv4Network("10.64.0.0/10")
    assert all(IPv4Network(each).subnet_of(allowed) for each in ranges)


def test_an_unchanged_file_is_not_touched(machine: Machine, folder: Folder) -> None:
    workbench = Workbench(
        folder=folder,
        host=machine.host,
        cloud=Cloud(folder.path / "cloud"),
        running={"endpoint": "http://x", "region": "us-east-1", "k3sSha256": SHA256},
        pulumi=folder.path,
        k3s=BINARY,
    )
    workbench.write_stack_config()
    first = folder.stack_config.stat()
    workbench.write_stack_config()
    assert first.st_mtime_ns == folder.stack_config.stat().st_mtime_ns
    assert "k3s-aws:cluster" in yaml.safe_load(folder.stack_config.read_text())["config"]
