"""The bill of materials: k3s, images, the program and its tools."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from cluster import bom, config, releases
from cluster.model import Cluster
from cluster.version import VERSION
from tests.cluster import ec2

CLOSED = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": ["203.0.113.0/24"]}
NAMES = {"ami-new": "debian-12-arm64-2", "ami-old": "debian-12-arm64-1", "ami-gone": None}
PROGRAM = {"a.py": "print()"}


def load(**keys: Any) -> Cluster:
    cluster = config.load({"name": "demo", "network": CLOSED, **keys}, stack="dev")
    return ec2.resolve(cluster)


def bill(
    cluster: Cluster,
    *images: str,
    bucket: str | None = None,
    program: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    return bom.of(
        cluster,
        bom.Parts(
            project="k3s-aws",
            boot_program=program or PROGRAM,
            bucket=bucket,
            image_ids=images,
            image_names=NAMES,
            tools={"python": "3.11.7"},
        ),
    )


def test_it_has_only_the_k3s_of_architectures_in_use() -> None:
    version = releases.DEFAULT_VERSION
    place = f"{releases.DOWNLOAD_URL}/{version.replace('+', '%2B')}"
    pinned = releases.PINNED[version]
    assert bill(load(), "ami-new")["k3s"] == {
        "version": version,
        "sha256": {"arm64": pinned["arm64"]},
        "source": {"arm64": f"{place}/k3s-arm64"},
    }
    pools = [{"name": "builders", "instanceType": "t3.small"}]
    both = bill(load(pools=pools), "ami-new", "ami-new")["k3s"]
    assert both["sha256"] == pinned
    assert both["source"] == {"arm64": f"{place}/k3s-arm64", "x86_64": f"{place}/k3s"}


def test_a_bucket_is_named_as_the_source_where_machines_use_it() -> None:
    cluster = load(k3s={"bucket": True})
    sha256 = cluster.k3s.sha256["arm64"]
    found = bill(cluster, "ami-new", bucket="files")["k3s"]["source"]
    assert found == {"arm64": f"s3://files/k3s/{sha256}/k3s-arm64"}


def test_each_image_is_listed_once_with_the_pools_that_run_on_it() -> None:
    pools = [{"name": "agents", "count": 3}, {"name": "others"}]
    images = ["ami-new", "ami-old", "ami-new", "ami-gone", "ami-new"]
    assert bill(load(pools=pools), *images)["images"] == [
        {
            "id": "ami-new",
            "name": "debian-12-arm64-2",
            "architecture": "arm64",
            "pools": ["servers", "agents", "others"],
        },
        {
            "id": "ami-old",
            "name": "debian-12-arm64-1",
            "architecture": "arm64",
            "pools": ["agents"],
        },
        {"id": "ami-gone", "name": None, "architecture": "arm64", "pools": ["agents"]},
    ]


def test_the_boot_program_is_identified_by_a_hash_of_its_modules() -> None:
    found = bill(load(), "ami-new")
    hashes = {
        bill(load(), "ami-new", program=each)["program"]["bootProgramSha256"]
        for each in ({"a.py": ""}, {"b.py": ""}, {"a.py": "", "b.py": ""}, {"a.py": "b.py"})
    }
    assert len(hashes) == 4
    assert found["program"] == {
        "name": "k3s-aws",
        "version": VERSION,
        "machineSchema": 1,
        "bootProgramSha256": hashlib.sha256(b'{"a.py": "print()"}').hexdigest(),
    }
    assert found["tools"] == {"python": "3.11.7"}
