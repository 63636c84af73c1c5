"""What a machine lets in is what its security groups say, and follows them."""

from __future__ import annotations

from localcloud.machines import Ingress
from tests.localcloud.daemon.local_cloud import World

GATEWAY = "10.79.0.1/32"
"""How a machine sees who calls from outside."""


def machine(world: World, subnet: str, *groups: str) -> tuple[str, str]:
    """A running instance in these groups: its id and its private address."""
    interface = world.interface(subnet, *groups)
    instance_id = world.run(interface["NetworkInterfaceId"])
    world.becomes(instance_id, "running")
    return instance_id, f"{interface['PrivateIpAddress']}/32"


def tcp(port: int, source: str) -> Ingress:
    return Ingress("tcp", port, port, source)


def test_a_rule_that_holds_this_host_admits_the_gateway(world: World) -> None:
    vpc, subnet = world.network()
    group = world.group(vpc, "ssh")
    world.admit(group, 22, IpRanges=[{"CidrIp": "127.0.0.0/8"}])
    instance_id, _ = machine(world, subnet, group)
    assert world.machines.admitted[instance_id] == [tcp(22, "127.0.0.0/8"), tcp(22, GATEWAY)]


def test_a_rule_for_others_does_not_admit_the_gateway(world: World) -> None:
    vpc, subnet = world.network()
    group = world.group(vpc, "ssh")
    world.admit(group, 22, IpRanges=[{"CidrIp": "203.0.113.0/24"}])
    instance_id, _ = machine(world, subnet, group)
    assert world.machines.admitted[instance_id] == [tcp(22, "203.0.113.0/24")]


def test_a_rule_for_the_network_does_not_admit_the_outside(world: World) -> None:
    vpc, subnet = world.network()
    group = world.group(vpc, "inside")
    world.admit(group, 80, IpRanges=[{"CidrIp": "10.79.0.0/30"}])
    instance_id, _ = machine(world, subnet, group)
    # 10.79.0.1 is the gateway.
    assert world.machines.admitted[instance_id] == [
        tcp(80, "10.79.0.0/32"),
        tcp(80, "10.79.0.2/31"),
    ]


def test_a_rule_for_everybody_admits_everybody(world: World) -> None:
    vpc, subnet = world.network()
    group = world.group(vpc, "public")
    world.admit(group, 443, IpRanges=[{"CidrIp": "0.0.0.0/0"}])
    instance_id, _ = machine(world, subnet, group)
    assert world.machines.admitted[instance_id] == [tcp(443, "0.0.0.0/0")]


def test_a_group_stands_for_the_addresses_of_its_members(world: World) -> None:
    vpc, subnet = world.network()
    servers, agents = world.group(vpc, "servers"), world.group(vpc, "agents")
    world.admit(servers, 6443, UserIdGroupPairs=[{"GroupId": agents}])
    server, _ = machine(world, subnet, servers)
    assert world.machines.admitted[server] == []
    agent, address = machine(world, subnet, agents)
    world.until(lambda: world.machines.admitted[server] == [tcp(6443, address)])
    world.ec2.terminate_instances(InstanceIds=[agent])
    world.until(lambda: world.machines.admitted[server] == [])


def test_a_changed_rule_is_applied_to_its_own_machines_only(world: World) -> None:
    vpc, subnet = world.network()
    changed, kept = world.group(vpc, "changed"), world.group(vpc, "kept")
    first, _ = machine(world, subnet, changed)
    second, _ = machine(world, subnet, kept)
    world.admit(changed, 8080, IpRanges=[{"CidrIp": "198.51.100.7/32"}])
    world.until(lambda: world.machines.admitted[first] == [tcp(8080, "198.51.100.7/32")])
    assert world.machines.asked_of(second).count("admit") == 1


def test_a_revoked_rule_is_gone(world: World) -> None:
    vpc, subnet = world.network()
    group = world.group(vpc, "ssh")
    world.admit(group, 22, IpRanges=[{"CidrIp": "203.0.113.0/24"}])
    instance_id, _ = machine(world, subnet, group)
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
    world.ec2.revoke_security_group_ingress(
        GroupId=group, IpPermissions=[{**rule, "IpRanges": [{"CidrIp": "203.0.113.0/24"}]}]
    )
    world.until(lambda: world.machines.admitted[instance_id] == [])


def test_a_filter_that_could_not_be_set_is_tried_again(world: World) -> None:
    vpc, subnet = world.network()
    group = world.group(vpc, "ssh")
    instance_id, _ = machine(world, subnet, group)
    world.machines.failing["admit"] = "iptables is busy"
    world.admit(group, 22, IpRanges=[{"CidrIp": "203.0.113.0/24"}])
    world.until(lambda: world.machines.asked_of(instance_id).count("admit") > 1)
    del world.machines.failing["admit"]
    world.until(lambda: world.machines.admitted[instance_id] == [tcp(22, "203.0.113.0/24")])
    assert world.state(instance_id) == "running"
