"""What a change of the configuration does to each node, key by key."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cluster import changes, config, expiry, node_changes, node_config, record
from cluster.changes import Plan
from cluster.effect import Effect
from cluster.model import Cluster, Node
from cluster.node_config import Addresses, NodeContext
from cluster.reading.declarations import Object, Objects
from cluster.reading.keys import table
from tests.cluster import ec2

NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {}}}\n"
FILES = {f"{name}.yaml": NAMESPACE.format(name) for name in "ab"}
TAINT = {"key": "a", "value": "b", "effect": "NoSchedule"}
BASE: Mapping[str, Any] = {
    "name": "demo",
    "servers": {"labels": {"a": "b"}, "taints": [TAINT]},
    "pools": [{"name": "agents", "count": 2, "taints": [TAINT]}],
    "network": {
        "apiAllowedCidrs": ["203.0.113.0/24"],
        "sshAllowedCidrs": ["203.0.113.0/24"],
        "ingress": [{"name": "web", "ports": ["443"], "from": ["203.0.113.0/24"]}],
    },
    "manifests": [{"name": "one", "content": FILES["a.yaml"]}],
    "charts": [{"name": "podinfo", "chart": "podinfo", "repo": "https://example.com"}],
    "identities": [{"name": "ci", "role": "deployer", "namespaces": ["default"]}],
}
ARM, X86 = "ab" * 32, "cd" * 32
OWN_RELEASE = {"version": "v1.36.4+own1", "sha256": {"arm64": ARM, "x86_64": X86}}
OWN_IMAGE = "ami-0bbbbbbbbbbbbbbbb"
SUBNET_A, SUBNET_B = "subnet-0aaaaaaaaaaaaaaaa", "subnet-0bbbbbbbbbbbbbbbb"

IMAGE = {"os": "ubuntu-24.04", "id": OWN_IMAGE, "loginUser": "core", "generation": 2}
MACHINE = {
    "instanceType": "t4g.medium",
    "rootVolumeGib": 40,
    "labels": {"a": "c"},
    "taints[].key": "c",
    "taints[].value": "c",
    "taints[].effect": "NoExecute",
    "k3s": {"kubelet-arg": ["max-pods=60"]},
    **{f"image.{key}": value for key, value in IMAGE.items()},
}
# Another value for every key, by its declared path.
OTHER: Mapping[str, Any] = {
    "cluster.name": "other",
    "cluster.owner": "me",
    "cluster.expiry": "2027-01-31",
    "cluster.ttl": "8h",
    "cluster.tags": {"a": "b"},
    "cluster.parameterKmsKeyArn": f"arn:aws:kms:eu-central-1:123456789012:key/mrk-{'0a' * 16}",
    "cluster.adminKubeconfig": True,
    "cluster.allowDataLoss": True,
    "cluster.nodeDeadlineSeconds": 900,
    "cluster.drainSeconds": 60,
    "cluster.k3s.drainOnUpgrade": True,
    **{f"cluster.rotation.{key}": 2 for key in ("joinTokens", "loginKey", "hostKeys")},
    **{f"cluster.image.{key}": value for key, value in IMAGE.items()},
    **{f"cluster.servers.{key}": value for key, value in MACHINE.items()},
    **{f"cluster.pools[].{key}": value for key, value in MACHINE.items()},
    "cluster.servers.dataVolumeGib": 40,
    "cluster.servers.count": 3,
    "cluster.endpoint.type": "loadBalancer",
    "cluster.endpoint.internal": True,
    "cluster.endpoint.hostname": "other.example.com",
    "cluster.endpoint.route53ZoneId": "Z0123456789ABCDEFGHIK",
    "cluster.pools[].name": "builders",
    "cluster.pools[].count": 3,
    "cluster.pools[].maxUnavailable": "100%",
    "cluster.pools[].spot": True,
    "cluster.pools[].spotMaxPrice": "0.06",
    "cluster.network.vpcCidr": "10.65.0.0/16",
    "cluster.network.availabilityZones": ["eu-central-1b"],
    "cluster.network.subnetIds": [SUBNET_B],
    "cluster.network.publicAddresses": True,
    "cluster.network.clusterCidr": "10.44.0.0/16",
    "cluster.network.serviceCidr": "10.45.0.0/16",
    "cluster.network.apiAllowedCidrs": ["198.51.100.0/24"],
    "cluster.network.sshAllowedCidrs": ["198.51.100.0/24"],
    "cluster.network.callerAddressUrl": "https://example.com/ip",
    "cluster.network.ingress[].name": "other",
    "cluster.network.ingress[].ports": ["443", "8000-8099"],
    "cluster.network.ingress[].protocol": "udp",
    "cluster.network.ingress[].from": ["nodes"],
    "cluster.network.ingress[].machines": "all",
    "cluster.proxy.httpProxy": "http://other.example.com:3128",
    "cluster.proxy.httpsProxy": "http://other.example.com:3128",
    "cluster.proxy.noProxy": [".example.com"],
    "cluster.k3s.version": "v1.37.1+k3s1",
    "cluster.k3s.downloadUrl": "https://example.com/k3s",
    "cluster.k3s.bucket": True,
    "cluster.k3s.sha256.arm64": "ef" * 32,
    "cluster.k3s.sha256.x86_64": "ef" * 32,
    **{f"cluster.k3s.components.{name}": False for name in ("servicelb", "metrics-server")},
    **{f"cluster.k3s.components.{name}": False for name in ("local-storage", "coredns")},
    **{f"cluster.k3s.components.{name}": False for name in ("traefik", "network-policy")},
    "cluster.k3s.components.helm-controller": False,
    "cluster.k3s.flannelBackend": "host-gw",
    "cluster.k3s.secretsEncryption": False,
    "cluster.k3s.registries": {"mirrors": {"docker.io": {}}},
    "cluster.k3s.server": {"debug": True},
    "cluster.k3s.agent": {"debug": True},
    "cluster.backup.everyHours": 6,
    "cluster.backup.keepDays": 30,
    "cluster.backup.keepAfterDestroy": True,
    "cluster.backup.kmsKeyArn": f"arn:aws:kms:eu-central-1:123456789012:key/mrk-{'0a' * 16}",
    "cluster.restoreFrom": "s3://the-bucket/snapshots/other/20261124T030000Z-other-servers-1",
    "cluster.manifests[].name": "other",
    "cluster.manifests[].content": FILES["b.yaml"],
    "cluster.manifests[].file": "b.yaml",
    "cluster.charts[].name": "other",
    "cluster.charts[].chart": "other",
    "cluster.charts[].repo": "https://example.com/other",
    "cluster.charts[].version": "6.7.1",
    "cluster.charts[].namespace": "web",
    "cluster.charts[].values": {"replicas": 2},
    "cluster.identities[].name": "other",
    "cluster.identities[].role": "viewer",
    "cluster.identities[].clusterRole": "view",
    "cluster.identities[].namespaces": ["shop"],
    "cluster.identities[].expiryDays": 30,
    "cluster.identities[].generation": 2,
    "cluster.identities[].podSecurity": "restricted",
}
DNS_NAME = {
    "cluster.endpoint.type": "dnsName",
    "cluster.endpoint.hostname": "k3s.example.com",
    "cluster.endpoint.route53ZoneId": "Z0123456789ABCDEFGHIJ",
}
# What the configuration has before, where the key needs more than BASE.
NEEDS: Mapping[str, Mapping[str, Any]] = {
    **{
        f"cluster.backup.{key}": {"cluster.backup.everyHours": 12}
        for key in ("keepDays", "keepAfterDestroy", "kmsKeyArn")
    },
    "cluster.proxy.noProxy": {"cluster.proxy.httpProxy": "http://squid.example.com:3128"},
    "cluster.image.loginUser": {"cluster.image.id": OWN_IMAGE},
    "cluster.servers.image.loginUser": {"cluster.servers.image.id": OWN_IMAGE},
    "cluster.pools[].image.loginUser": {"cluster.pools[].image.id": OWN_IMAGE},
    "cluster.pools[].spotMaxPrice": {"cluster.pools[].spot": True},
    "cluster.endpoint.internal": {
        "cluster.endpoint.type": "loadBalancer",
        "cluster.network.subnetIds": [SUBNET_A],
    },
    "cluster.endpoint.hostname": DNS_NAME,
    "cluster.endpoint.route53ZoneId": DNS_NAME,
    "cluster.network.subnetIds": {"cluster.network.subnetIds": [SUBNET_A]},
    "cluster.network.publicAddresses": {
        "cluster.network.subnetIds": [SUBNET_A],
        "cluster.network.publicAddresses": False,
    },
    "cluster.k3s.sha256.arm64": {"cluster.k3s": OWN_RELEASE},
    "cluster.k3s.sha256.x86_64": {
        "cluster.k3s": OWN_RELEASE,
        "cluster.pools[].instanceType": "t3.small",
    },
    "cluster.k3s.components.helm-controller": {
        "cluster.k3s.components.traefik": False,
        "cluster.charts": [],
    },
    "cluster.manifests[].file": {"cluster.manifests": [{"name": "one", "file": "a.yaml"}]},
    "cluster.identities[].clusterRole": {
        "cluster.identities": [{"name": "ci", "clusterRole": "admin", "namespaces": ["shop"]}]
    },
}
LEAVES = [path for path, key in table.declared().items() if not isinstance(key, Object | Objects)]


def with_value(raw: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The configuration with another value at a declared path, whose lists mean their first."""
    changed = copy.deepcopy(dict(raw))
    steps = [0 if step == "[]" else step for step in re.findall(r"\[\]|[\w-]+", path)][1:]
    here: Any = changed
    for step, following in itertools.pairwise(steps):
        here = here[step] if step == 0 else here.setdefault(step, [] if following == 0 else {})
    here[steps[-1]] = value
    return changed


def cluster(raw: Mapping[str, Any], **keys: Any) -> Cluster:
    return ec2.resolve(config.load({**raw, **keys}, stack="dev", read_file=FILES.__getitem__))


def plan_of(before: Cluster | None, after: Cluster) -> Plan:
    """The plan, made of the records of both."""
    old = None if before is None else record.of(before)
    return changes.plan_changes(old, record.of(after))


def change_of(path: str) -> tuple[Cluster, Cluster]:
    assert path in OTHER, "a new key needs another value in OTHER"
    before: Mapping[str, Any] = BASE
    for needed, value in NEEDS.get(path, {}).items():
        before = with_value(before, needed, value)
    return cluster(before), cluster(with_value(before, path, OTHER[path]))


@pytest.mark.parametrize("path", LEAVES)
def test_a_change_of_each_key_does_what_is_declared_of_it(path: str) -> None:
    before, after = change_of(path)
    plan = plan_of(before, after)
    assert mentioned(path, plan)
    assert strongest(plan) == table.declared()[path].effect
    assert {node.name: node.effect for node in plan.nodes} == observed(before, after)


def mentioned(path: str, plan: Plan) -> bool:
    """Whether the plan names the key; an object that is compared as a whole stands for its keys."""
    names = {re.sub(r"\[\d+\]", "[]", key) for key in plan.keys}
    of_pools = {
        path.replace("cluster.image", f"cluster.{at}.image") for at in ("servers", "pools[]")
    }
    wholes = {whole for whole in table.effects() if path.startswith(f"{whole}[]")}
    return bool(names & {*of_pools, *wholes})


def strongest(plan: Plan) -> Effect:
    """A pool by another name is a pool of new machines in place of the old ones."""
    if plan.created and plan.deleted:
        return Effect.REPLACE
    return max((node.effect for node in plan.nodes), default=Effect.NONE)


def observed(before: Cluster, after: Cluster) -> dict[str, Effect]:
    """The effects by node, from the rendered machines alone, without any declaration."""
    old = {node.suffix: node for node in before.nodes}
    pairs = [(old[new.suffix], new) for new in after.nodes if new.suffix in old]
    found = {new.logical_name: _observed(before, one, after, new) for one, new in pairs}
    if _joined(before) != _joined(after):
        return {name: max(effect, Effect.IN_PLACE) for name, effect in found.items()}
    return found


def _joined(cluster: Cluster) -> tuple[Any, ...]:
    """What agents join: the identity of the data, and the server's address."""
    server = cluster.nodes[0]
    return cluster.name, cluster.datastore_generation, _place(cluster, server)


def _observed(before: Cluster, old: Node, after: Cluster, new: Node) -> Effect:
    if _machine(before, old) != _machine(after, new):
        return Effect.REPLACE
    if old.pool.instance_type != new.pool.instance_type:
        return Effect.RESTART
    if _applied(before, old) != _applied(after, new):
        return Effect.IN_PLACE
    return Effect.NONE


def _machine(cluster: Cluster, node: Node) -> tuple[Any, ...]:
    """What replaces an instance: its name, generation, market options and interface's subnet."""
    return node.logical_name, node.generation, node.pool.spot, _place(cluster, node)


def _place(cluster: Cluster, node: Node) -> Any:
    """What the interface of the machine is replaced with."""
    subnet = cluster.subnets[node.subnet]
    return subnet.id or (cluster.network.vpc_cidr, node.subnet, subnet)


def _applied(cluster: Cluster, node: Node) -> tuple[Any, ...]:
    """What the provider applies to a running machine: node configuration and secrets."""
    public = "198.51.100.10" if cluster.network.public_addresses else None
    wanted = cluster.endpoint
    built = node_config.build(
        cluster,
        node,
        Addresses(private_ip="10.64.0.10", public_ip=public),
        NodeContext(
            server_private_ips=tuple(f"10.64.0.{10 + n}" for n in range(cluster.servers.count)),
            endpoint_host=wanted.hostname or f"{wanted.type} {wanted.internal} {public}",
            bucket="the-bucket" if cluster.k3s.from_bucket else None,
            backup_bucket="the-bucket",
            # What the resource Expiry computes, for a cluster that began at the same moment.
            expires_at=_end(cluster.ttl_seconds),
        ),
        "vol-0123456789abcdef0" if node.role == "server" else None,
    )
    return built, cluster.rotation


def _end(ttl_seconds: int | None) -> str | None:
    began = datetime(2026, 11, 29, 18, tzinfo=UTC)
    return expiry.render(began + timedelta(seconds=ttl_seconds)) if ttl_seconds else None


def test_without_a_cluster_before_every_node_is_new() -> None:
    plan = plan_of(None, cluster(BASE))
    assert plan == Plan(created=("demo-servers-0", "demo-agents-0", "demo-agents-1"))


def test_the_same_configuration_changes_nothing() -> None:
    plan = plan_of(cluster(BASE), cluster(BASE))
    assert {(node.effect, node.keys) for node in plan.nodes} == {(Effect.NONE, ())}
    assert plan.keys == plan.created == plan.deleted == ()


def test_nodes_of_larger_and_smaller_pools_are_created_and_deleted() -> None:
    pools = [{"name": "a", "count": 1}, {"name": "b", "count": 2}]
    others = [{"name": "b", "count": 1}, {"name": "a", "count": 2}]
    plan = plan_of(cluster(BASE, pools=pools), cluster(BASE, pools=others))
    assert (plan.created, plan.deleted) == (("demo-a-1",), ("demo-b-1",))
    assert {node.effect for node in plan.nodes} == {Effect.NONE}
    assert plan.keys == ("cluster.pools[0].count", "cluster.pools[1].count")


def test_a_change_names_its_keys_at_the_nodes_it_concerns() -> None:
    pools = [{"name": "a"}, {"name": "b", "labels": {"team": "x"}, "instanceType": "t4g.nano"}]
    after = cluster(BASE, pools=pools, k3s={"server": {"debug": True}})
    before = cluster(BASE, pools=[{"name": "b"}, {"name": "a"}])
    assert [(each.name, each.effect, each.keys) for each in plan_of(before, after).nodes] == [
        ("demo-servers-0", Effect.IN_PLACE, ("cluster.k3s.server",)),
        ("demo-a-0", Effect.NONE, ()),
        (
            "demo-b-0",
            Effect.RESTART,
            ("cluster.pools[1].instanceType", "cluster.pools[1].labels"),
        ),
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"instanceType": "t3.small"}),
        ({"spot": True}, {"spot": True, "instanceType": "t4g.medium"}),
    ],
)
def test_another_architecture_and_a_spot_machine_need_a_new_machine(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    one, other = (cluster(BASE, pools=[{"name": "a", **pool}]) for pool in (before, after))
    node = plan_of(one, other).nodes[1]
    assert (node.effect, node.keys) == (Effect.REPLACE, ("cluster.pools[0].instanceType",))
    assert observed(one, other)[node.name] == Effect.REPLACE


def test_another_zone_replaces_the_machines_that_move_and_no_other() -> None:
    network = {**BASE["network"], "availabilityZones": ["eu-central-1a", "eu-central-1b"]}
    other = {**BASE["network"], "availabilityZones": ["eu-central-1a", "eu-central-1c"]}
    before, after = cluster(BASE, network=network), cluster(BASE, network=other)
    plan = plan_of(before, after)
    assert [node.effect for node in plan.nodes] == [Effect.NONE, Effect.NONE, Effect.REPLACE]
    assert {node.name: node.effect for node in plan.nodes} == observed(before, after)


def test_subnets_in_another_order_replace_only_the_machines_that_move() -> None:
    def at(*subnets: str) -> Cluster:
        return cluster(BASE, network={**BASE["network"], "subnetIds": list(subnets)})

    before, after = at(SUBNET_A, SUBNET_B), at(SUBNET_A)
    plan = plan_of(before, after)
    assert [node.effect for node in plan.nodes] == [Effect.NONE, Effect.NONE, Effect.REPLACE]
    assert {node.name: node.effect for node in plan.nodes} == observed(before, after)


def test_agents_join_a_new_server_in_place_for_its_reason() -> None:
    plan = plan_of(cluster(BASE), cluster(BASE, k3s={"secretsEncryption": False}))
    keys = ("cluster.k3s.secretsEncryption",)
    assert [(node.effect, node.keys) for node in plan.nodes] == [
        (Effect.REPLACE, keys),
        (Effect.IN_PLACE, keys),
        (Effect.IN_PLACE, keys),
    ]


def test_agents_do_not_notice_a_server_whose_data_follows_to_the_next_machine() -> None:
    plan = plan_of(cluster(BASE), cluster(BASE, servers={"image": {"generation": 2}}))
    effects = (Effect.REPLACE, Effect.NONE, Effect.NONE)
    assert tuple(node.effect for node in plan.nodes) == effects


def test_ssh_that_is_enabled_again_applies_what_changed_since() -> None:
    closed = cluster(BASE, network={**BASE["network"], "sshAllowedCidrs": []})
    opened = plan_of(closed, cluster(BASE))
    assert {node.effect for node in opened.nodes} == {Effect.IN_PLACE}
    assert {node.effect for node in plan_of(cluster(BASE), closed).nodes} == {Effect.NONE}


def test_every_declared_effect_is_one_that_the_table_has() -> None:
    assert table.effects() == node_changes.EFFECTS
    assert set(node_changes.EFFECTS) >= set(LEAVES)


@pytest.mark.parametrize(
    ("before", "rejected"),
    [({}, True), ({"kubelet-arg": ["max-pods=60"]}, False)],
)
def test_an_older_record_shows_the_policies_of_kubelets_where_they_had_no_arguments(
    before: Mapping[str, Any], rejected: bool
) -> None:
    def recorded(k3s: Mapping[str, Any]) -> record.Record:
        raw = {"pools": [{"name": "agents", "count": 2, "k3s": k3s}]}
        network = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": ["203.0.113.0/24"]}
        return record.of(ec2.resolve(config.load({**raw, "network": network}, stack="dev")))

    made = recorded(before)
    older = dataclasses.replace(
        made, pools=tuple(dataclasses.replace(each, policies=None) for each in made.pools)
    )
    after = recorded({"kubelet-arg": ["cpu-manager-policy=static", "reserved-cpus=0"]})
    found = changes.plan_changes(older, after).rejections
    assert [each.path for each in found] == ["cluster.pools[0].k3s"][: int(rejected)]
