"""What Docker is asked for a machine's sake, and what is left when it goes."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import docker.errors
import docker.types
import pytest
import requests.exceptions

from localcloud.errors import MachineError
from localcloud.machines import containers, docker_client, elastic_ips, host_addresses, vpcs
from localcloud.machines.containers import Machines, MachineSpec
from localcloud.machines.ingress import Ingress, render
from tests.localcloud.machines.engine import Engine, Network

CLOUD = "0badcafe"
SPEC = MachineSpec(
    instance_id="i-1",
    hostname="ip-10-64-0-10.ec2.internal",
    private_ip="10.64.0.10",
    mac="02:00:00:00:00:01",
    network="subnet-0123456789abcdef",
    subnet_cidr="10.64.0.0/20",
    vpc_cidr="10.64.0.0/16",
    names={"ssm.us-east-1.amazonaws.com": "169.254.0.2"},
    ca_certificate="-----BEGIN CERTIFICATE-----\n",
)
OTHER = replace(SPEC, instance_id="i-2", private_ip="10.64.0.11")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(containers, "connect", lambda: made)
    return made


@pytest.fixture(autouse=True)
def bridges(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The bridges that may carry traffic from loopback."""
    routed: list[str] = []
    monkeypatch.setattr(elastic_ips, "route_loopback", routed.append)
    monkeypatch.setattr(vpcs, "join", lambda *_: None)
    return routed


@pytest.fixture
def machines(engine: Engine, tmp_path: Path) -> Machines:
    return Machines(CLOUD, "the-image:1", home=tmp_path)


def test_a_machine_is_made_of_the_image_with_its_addresses(
    machines: Machines, engine: Engine
) -> None:
    machines.create(SPEC)
    (made,) = engine.containers.made
    assert made.name == f"k3saws-{CLOUD}-i-1"
    assert made.asked["image"] == "the-image:1"
    assert made.asked["hostname"] == "ip-10-64-0-10"
    assert made.asked["mac_address"] == SPEC.mac
    assert made.asked["networking_config"] == {
        f"k3saws-{CLOUD}-{SPEC.network}": {"ipv4_address": "10.64.0.10"}
    }
    assert made.asked["host_config"]["extra_hosts"] == SPEC.names
    assert made.pid == 0, "it is started only once its filter can be set"


def test_a_machine_has_what_systemd_and_k3s_need_and_not_the_whole_host(
    machines: Machines, engine: Engine
) -> None:
    machines.create(SPEC)
    asked = engine.containers.made[0].asked
    config = asked["host_config"]
    assert config["cap_drop"] == ["ALL"]
    assert {"SYS_ADMIN", "NET_ADMIN"} <= set(config["cap_add"])
    # Hosts without it refuse the container.
    assert "SYS_RESOURCE" not in config["cap_add"]
    assert not config.get("privileged")
    assert config["cgroupns"] == "private"
    # Its volumes are loop devices.
    assert config["device_cgroup_rules"] == ["b 7:* rmw"]
    assert (config["MaskedPaths"], config["ReadonlyPaths"]) == ([], [])
    # systemd's word for an orderly end.
    assert asked["stop_signal"] == "SIGRTMIN+3"
    assert "/var/lib/rancher" in asked["volumes"]


def test_a_machine_of_the_other_architecture_has_its_own_image_and_stop_signal(
    engine: Engine, tmp_path: Path
) -> None:
    machines = Machines(CLOUD, "the-image:1", "the-image-arm64:1", home=tmp_path)
    machines.create(SPEC)
    machines.create(replace(OTHER, emulated=True))
    assert [
        (each.asked["image"], each.asked["stop_signal"]) for each in engine.containers.made
    ] == [
        ("the-image:1", "SIGRTMIN+3"),
        # qemu-user hands real-time signals on under other numbers.
        ("the-image-arm64:1", "SIGPWR"),
    ]


def test_a_machine_trusts_the_local_clouds_authority(machines: Machines, engine: Engine) -> None:
    machines.create(SPEC)
    assert laid(engine, "/usr/local/share/ca-certificates") == (
        "local-cloud.crt",
        0o644,
        SPEC.ca_certificate,
    )


def test_a_machine_logs_in_as_the_image_it_stands_in_for(
    machines: Machines, engine: Engine
) -> None:
    machines.create(replace(SPEC, login_user="ec2-user"))
    name, _, content = laid(engine, "/etc/cloud/cloud.cfg.d")
    # Read last, so it wins over the image's own.
    assert name > "90-machine.cfg"
    assert json.loads(content) == {"system_info": {"default_user": {"name": "ec2-user"}}}


def laid(engine: Engine, folder: str) -> tuple[str, int, str]:
    """Name, mode and content of the one file that was laid into the folder."""
    (archive,) = [found for place, found in engine.containers.made[0].archives if place == folder]
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        (entry,) = opened.getmembers()
        content = opened.extractfile(entry)
        assert content is not None
        return entry.name, entry.mode, content.read().decode()


def test_making_a_machine_again_changes_nothing(machines: Machines, engine: Engine) -> None:
    machines.create(SPEC)
    machines.create(SPEC)
    assert len(engine.containers.made) == 1
    assert len(engine.networks.made) == 1


def test_machines_of_a_subnet_share_its_network(
    machines: Machines, engine: Engine, bridges: list[str]
) -> None:
    machines.create(SPEC)
    machines.create(OTHER)
    (network,) = engine.networks.made
    assert network.attrs["IPAM"]["Config"] == [
        {
            "Subnet": "10.64.0.0/20",
            "Gateway": "10.64.0.1",
            "IPRange": None,
            "AuxiliaryAddresses": None,
        }
    ]
    bridge = network.options["com.docker.network.bridge.name"]
    assert len(bridge) <= 15
    assert bridges == [bridge]


def test_a_network_of_somebody_else_on_the_same_range_is_named(
    machines: Machines, engine: Engine
) -> None:
    theirs = {"IPAM": {"Config": [{"Subnet": "10.64.8.0/24"}]}}
    engine.networks.made.append(Network(engine, "their-net", {}, theirs, {}))
    engine.networks.refusal = "Pool overlaps with other one on this address space"
    with pytest.raises(MachineError) as refused:
        machines.create(SPEC)
    assert str(refused.value) == (
        "subnet 10.64.0.0/20 overlaps the Docker network 'their-net' (10.64.8.0/24)\n"
        "    choose another cluster.network.vpcCidr, or remove that network"
    )
    assert engine.containers.made == []


def test_another_reason_for_no_network_is_reported_with_dockers_error(
    machines: Machines, engine: Engine
) -> None:
    engine.networks.refusal = "iptables: No chain/target/match by that name"
    with pytest.raises(MachineError) as refused:
        machines.create(SPEC)
    assert str(refused.value) == (
        "no Docker network for subnet 10.64.0.0/20: iptables: No chain/target/match by that name"
    )


def test_only_machines_that_run_have_a_first_process(machines: Machines) -> None:
    machines.create(SPEC)
    machines.create(OTHER)
    machines.start("i-1")
    assert set(machines.running()) == {"i-1"}
    assert machines.running()["i-1"] > 0
    assert machines.all() == {"i-1", "i-2"}
    machines.stop("i-1")
    assert machines.running() == {}


def test_stopping_leaves_time_and_keeps_the_machine(machines: Machines, engine: Engine) -> None:
    machines.create(SPEC)
    machines.start("i-1")
    machines.stop("i-1", grace_seconds=7)
    assert engine.containers.made[0].stopped_within == 7
    assert machines.all() == {"i-1"}


def test_the_network_goes_with_its_last_machine(machines: Machines, engine: Engine) -> None:
    machines.create(SPEC)
    machines.create(OTHER)
    machines.remove("i-1")
    assert len(engine.networks.made) == 1
    machines.remove("i-2")
    assert engine.networks.made == []


def test_what_is_gone_can_be_stopped_and_removed_again(machines: Machines) -> None:
    machines.stop("i-1")
    machines.remove("i-1")
    assert machines.all() == set()


def test_starting_what_is_not_there_is_an_error(machines: Machines) -> None:
    with pytest.raises(MachineError) as refused:
        machines.start("i-1")
    assert str(refused.value) == "machine i-1 does not exist"


def test_what_a_machine_lets_in_is_set_in_its_own_namespace(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[int, list[str], str]] = []

    def inside(pid: int, words: list[str], *, stdin: str) -> None:
        calls.append((pid, words, stdin))

    monkeypatch.setattr(containers, "inside", inside)
    rules = [Ingress("tcp", 22, 22, "10.64.0.1/32")]
    machines.create(SPEC)
    machines.start("i-1")
    machines.admit("i-1", rules)
    pid = machines.running()["i-1"]
    assert calls == [(pid, ["iptables-restore", "--wait"], render(rules))]


def test_a_command_in_a_machine_gives_its_output_or_its_last_words(
    machines: Machines, engine: Engine
) -> None:
    machines.create(SPEC)
    engine.containers.made[0].results = [(0, b"done\n"), (2, b"first\nthe reason\n"), (1, b"")]
    assert machines.execute("i-1", ["true"]) == "done\n"
    with pytest.raises(MachineError) as refused:
        machines.execute("i-1", ["sh", "-c", "exit 2"])
    assert str(refused.value) == 'machine i-1: "sh" failed: the reason'
    with pytest.raises(MachineError, match="no message"):
        machines.execute("i-1", ["false"])


def test_a_machine_that_does_not_run_lets_nothing_in(machines: Machines) -> None:
    machines.create(SPEC)
    with pytest.raises(MachineError) as refused:
        machines.admit("i-1", [])
    assert str(refused.value) == "machine i-1 does not run"


def test_the_machines_of_another_cloud_are_left_alone(
    machines: Machines, engine: Engine, tmp_path: Path
) -> None:
    theirs = Machines("feedf00d", "the-image:1", home=tmp_path)
    theirs.create(replace(SPEC, network="subnet-ffffffffffffffff"))
    machines.create(OTHER)
    assert machines.all() == {"i-2"}
    machines.remove("i-2")
    assert [each.name for each in engine.containers.made] == ["k3saws-feedf00d-i-1"]
    assert [each.labels for each in engine.networks.made] == [{containers.LABEL: "feedf00d"}]


def test_everything_of_a_cloud_is_removed_and_named(
    machines: Machines, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elastic_ips, "withdraw", lambda cloud_id: [f"chain K3SAWS-{cloud_id}"])
    monkeypatch.setattr(vpcs, "withdraw", lambda cloud_id: [f"chain K3SAWS-{cloud_id}-VPC"])
    monkeypatch.setattr(host_addresses, "withdraw", lambda _: ["address 10.64.0.9"])
    machines.create(SPEC)
    machines.start("i-1")
    assert machines.remove_everything() == [
        "machine i-1",
        f"network k3saws-{CLOUD}-{SPEC.network}",
        "address 10.64.0.9",
        f"chain K3SAWS-{CLOUD}",
        f"chain K3SAWS-{CLOUD}-VPC",
    ]
    assert (engine.containers.made, engine.networks.made) == ([], [])


@pytest.mark.parametrize(
    ("raised", "output"),
    [
        (
            docker.errors.APIError("500", explanation="no space left on device"),
            "machine i-1: Docker reports: no space left on device",
        ),
        (
            requests.exceptions.ConnectionError("refused"),
            "machine i-1: the Docker Engine does not respond: refused",
        ),
    ],
)
def test_what_docker_refuses_is_one_plain_message(
    machines: Machines,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    raised: Exception,
    output: str,
) -> None:
    def refuse(**_: object) -> None:
        raise raised

    monkeypatch.setattr(engine.api, "create_container", refuse)
    with pytest.raises(MachineError) as refused:
        machines.create(SPEC)
    assert str(refused.value) == output


def test_without_an_engine_the_error_has_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(MachineError) as refused:
        docker_client.connect()
    first, way_out = str(refused.value).split("\n", 1)
    assert first.startswith("no Docker Engine responds: ")
    assert way_out == "    start one (`make demo` and `make test` do), or set DOCKER_HOST"
