"""What a machine lets in is what its security groups say, and follows them."""

from __future__ import annotations

import threading

import pytest

from localcloud.machines import Ingress
from tests.localcloud.daemon.local_cloud import LocalCloud

GATEWAY = "10.79.0.1/32"
"""How a machine sees who calls from outside."""


def machine(cloud: LocalCloud, subnet: str, *groups: str) -> tuple[str, str]:
    """A running instance in these groups: its id and its private address."""
    interface = cloud.interface(subnet, *groups)
    instance_id = cloud.run(interface["NetworkInterfaceId"])
    cloud.becomes(instance_id, "running")
    return instance_id, f"{interface['PrivateIpAddress']}/32"


def tcp(port: int, source: str) -> Ingress:
    return Ingress("tcp", port, port, source)


def test_a_rule_that_holds_this_host_admits_the_gateway(cloud: LocalCloud) -> None:
    vpc, subnet = cloud.network()
    group = cloud.group(vpc, "ssh")
    cloud.admit(group, 22, IpRanges=[{"CidrIp": "127.0.0.0/8"}])
    instance_id, _ = machine(cloud, subnet, group)
    assert cloud.machines.admitted[instance_id] == [tcp(22, "127.0.0.0/8"), tcp(22, GATEWAY)]


def test_a_rule_for_others_does_not_admit_the_gateway(cloud: LocalCloud) -> None:
    vpc, subnet = cloud.network()
    group = cloud.group(vpc, "ssh")
    cloud.admit(group, 22, IpRanges=[{"CidrIp": "203.0.113.0/24"}])
    instance_id, _ = machine(cloud, subnet, group)
    assert cloud.machines.admitted[instance_id] == [tcp(22, "203.0.113.0/24")]


def test_a_rule_for_the_network_does_not_admit_the_outside(cloud: LocalCloud) -> None:
    vpc, subnet = cloud.network()
    group = cloud.group(vpc, "inside")
    cloud.admit(group, 80, IpRanges=[{"CidrIp": "10.79.0.0/30"}])
    instance_id, _ = machine(cloud, subnet, group)
    # 10.79.0.1 is the gateway.
    assert cloud.machines.admitted[instance_id] == [
        tcp(80, "10.79.0.0/32"),
        tcp(80, "10.79.0.2/31"),
    ]


def test_a_rule_for_everybody_admits_everybody(cloud: LocalCloud) -> None:
    vpc, subnet = cloud.network()
    group = cloud.group(vpc, "public")
    cloud.admit(group, 443, IpRanges=[{"CidrIp": "0.0.0.0/0"}])
    instance_id, _ = machine(cloud, subnet, group)
    assert cloud.machines.admitted[instance_id] == [tcp(443, "0.0.0.0/0")]


def test_a_group_stands_for_the_addresses_of_its_members(cloud: LocalCloud) -> None:
    vpc, subnet = cloud.network()
    servers, agents = cloud.group(vpc, "servers"), cloud.group(vpc, "agents")
    cloud.admit(servers, 6443, UserIdGroupPairs=[{"GroupId": agents}])
    server, _ = machine(cloud, subnet, servers)
    assert cloud.machines.admitted[server] == []
    agent, address = machine(cloud, subnet, agents)
    cloud.until(lambda: cloud.machines.admitted[server] == [tcp(6443, address)])
    cloud.ec2.terminate_instances(InstanceIds=[agent])
    cloud.until(lambda: cloud.machines.admitted[server] == [])


def test_a_machine_that_shuts_down_is_a_member_until_it_has_ended(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc, subnet = cloud.network()
    group = cloud.group(vpc, "members")
    cloud.admit(group, 6443, UserIdGroupPairs=[{"GroupId": group}])
    (stays, own), (ends, other) = (machine(cloud, subnet, group) for _ in range(2))
    stop, shut_down = cloud.machines.stop, threading.Event()

    def slow_stop(instance_id: str) -> None:
        assert shut_down.wait(60)
        stop(instance_id)

    monkeypatch.setattr(cloud.machines, "stop", slow_stop)
    cloud.ec2.terminate_instances(InstanceIds=[ends])
    # Another rule, so that they are applied again.
    cloud.admit(group, 10250, UserIdGroupPairs=[{"GroupId": group}])
    rules = [tcp(port, each) for port in (6443, 10250) for each in (own, other)]
    cloud.until(lambda: cloud.machines.admitted[stays] == rules)
    shut_down.set()
    cloud.until(lambda: cloud.machines.admitted[stays] == [tcp(6443, own), tcp(10250, own)])


def test_a_changed_rule_is_applied_to_its_own_machines_only(cloud: LocalCloud) -> None:
    vpc, subnet = cloud.network()
    changed, kept = cloud.group(vpc, "changed"), cloud.group(vpc, "kept")
    first, _ = machine(cloud, subnet, changed)
    second, _ = machine(cloud, subnet, kept)
    cloud.admit(changed, 8080, IpRanges=[{"CidrIp": "198.51.100.7/32"}])
    cloud.until(lambda: cloud.machines.admitted[first] == [tcp(8080, "198.51.100.7/32")])
    assert cloud.machines.calls_for(second).count("admit") == 1


def test_a_revoked_rule_is_gone(cloud: LocalCloud) -> None:
    vpc, subnet = cloud.network()
    group = cloud.group(vpc, "ssh")
    cloud.admit(group, 22, IpRanges=[{"CidrIp": "203.0.113.0/24"}])
    instance_id, _ = machine(cloud, subnet, group)
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
    cloud.ec2.revoke_security_group_ingress(
        GroupId=group, IpPermissions=[{**rule, "IpRanges": [{"CidrIp": "203.0.113.0/24"}]}]
    )
    cloud.until(lambda: cloud.machines.admitted[instance_id] == [])


def test_a_filter_that_could_not_be_set_is_tried_again(cloud: LocalCloud) -> None:
    vpc, subnet = cloud.network()
    group = cloud.group(vpc, "ssh")
    instance_id, _ = machine(cloud, subnet, group)
    cloud.machines.failing["admit"] = "iptables is busy"
    cloud.admit(group, 22, IpRanges=[{"CidrIp": "203.0.113.0/24"}])
    cloud.until(lambda: cloud.machines.calls_for(instance_id).count("admit") > 1)
    del cloud.machines.failing["admit"]
    cloud.until(lambda: cloud.machines.admitted[instance_id] == [tcp(22, "203.0.113.0/24")])
    assert cloud.state(instance_id) == "running"
