"""Properties of every input: ranges, names, and strings that reach a machine."""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Network
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from cluster import config, k3s_flags, machine_files, network, node_config, parameters, user_data
from cluster.errors import ConfigError, Problem
from cluster.model import Cluster
from cluster.node_config import Addresses, NodeContext
from cluster.reading.checks import cidr
from cluster.reading.section import format_path
from cluster.spec import Role
from tests.cluster import ec2
from tests.cluster.config_yaml import config_yaml
from tests.cluster.parts import files_of, unpacked

OPEN = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": ["203.0.113.0/24"]}
HERE = Addresses(private_ip="10.64.0.10", public_ip="198.51.100.10")
CONTEXT = NodeContext(server_private_ips=("10.64.0.10",), endpoint_host="10.64.0.10")
# Pulumi's own rule for the name of a stack.
STACKS = st.from_regex(r"[A-Za-z0-9._-]{1,100}", fullmatch=True)
NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", fullmatch=True)
# Every string that a YAML file can have and Pulumi passes as JSON.
STRINGS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def vpcs() -> st.SearchStrategy[IPv4Network]:
    def made(address: int, prefix: int) -> IPv4Network:
        return IPv4Network((address >> (32 - prefix) << (32 - prefix), prefix))

    return st.builds(made, st.integers(0x0A000000, 0x0AFFFFFF), st.integers(16, 28))


def resolved(**keys: Any) -> Cluster:
    cluster = config.load({"name": "demo", "network": OPEN, **keys}, stack="dev")
    return ec2.resolve(cluster)


def rendered(cluster: Cluster, index: int = 0) -> str:
    text = node_file(cluster, index)
    return user_data.encode(user_data.render(text, {"__main__.py": "print()\n"}))


def node_file(cluster: Cluster, index: int) -> str:
    config = node_config.build(cluster, cluster.nodes[index], HERE, CONTEXT)
    return machine_files.node_file(config, cluster.node_deadline_seconds)


def on_the_machine(encoded: str) -> dict[str, Any]:
    files = files_of(unpacked(encoded))
    content: dict[str, Any] = json.loads(files["/etc/k3s-aws/node.json"])
    return content


@given(vpcs(), st.integers(1, 40))
def test_subnets_lie_in_their_vpc_and_share_no_address(vpc: IPv4Network, number: int) -> None:
    assume(number <= network.most_subnets(vpc))
    subnets = network.subnet_cidrs(vpc, number)
    assert len(subnets) == number
    assert all(subnet.subnet_of(vpc) and subnet.prefixlen <= 28 for subnet in subnets)
    assert sum(subnet.num_addresses for subnet in subnets) <= vpc.num_addresses
    assert len(set(subnets)) == number
    assert network.machines_in(vpc, number) == subnets[0].num_addresses - 5 > 0


@given(vpcs())
def test_every_range_in_its_usual_form_is_accepted(vpc: IPv4Network) -> None:
    assert cidr(str(vpc)) is None


@given(STRINGS)
def test_an_invalid_range_has_a_fault_and_a_fix(text: str) -> None:
    fault = cidr(text)
    if fault is None:
        assert str(IPv4Network(text)) == text
    else:
        assert all(fault)


@given(STACKS)
def test_every_stacks_name_makes_a_clusters_name(stack: str) -> None:
    name = config.load({"network": OPEN}, stack=stack).name
    assert re.fullmatch(r"(?!sg-)[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", name)
    assert name == stack or config.load({"network": OPEN}, stack=f"{stack}_").name != name


@given(STACKS, NAMES, NAMES)
def test_names_fit_the_limits_of_aws_whatever_the_stack_is_called(
    stack: str, name: str, pool: str
) -> None:
    raw = {"name": name, "network": OPEN, "pools": [{"name": pool}]}
    try:
        cluster = config.load(raw, stack=stack)
    except ConfigError:
        assume(False)
    cluster = ec2.resolve(cluster)
    for node in cluster.nodes:
        kubernetes = node.name_on("i-0123456789abcdef0")
        assert len(kubernetes) <= 63
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", kubernetes)
        parameter = parameters.host_key(cluster, node.role, "255.255.255.255")
        # https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
        assert re.fullmatch(r"(/[A-Za-z0-9._-]+)+", parameter)
        assert (
            len(parameters.arn(parameter, partition="aws", region="x" * 14, account_id="1" * 12))
            <= 1011
        )
        assert parameter.count("/") <= 15
    # Pulumi adds a hyphen and seven digits: IAM allows 64 characters, S3 63.
    assert len(f"{cluster.name}-server") + 8 <= 63
    assert all(len(key) <= 128 and len(value) <= 256 for key, value in cluster.tags.items())


# Without what the files of k3s cannot have.
READABLE = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=60)


@given(READABLE, READABLE)
def test_arbitrary_strings_reach_the_machine_unchanged(replacement: str, text: str) -> None:
    mirrors = {"docker.io": {"rewrite": {"^library/(.*)": replacement}}}
    server = {"etcd-snapshot-name": text}
    cluster = resolved(k3s={"registries": {"mirrors": mirrors}, "server": server})
    node = on_the_machine(rendered(cluster))
    assert node["pool"]["registries"] == {"mirrors": mirrors}
    assert node["pool"]["config"]["etcd-snapshot-name"] == text


@given(st.lists(st.sampled_from(["vxlan", "host-gw", "none"]), min_size=1), st.integers(0, 3))
def test_the_same_configuration_renders_to_the_same_bytes(backends: list[str], count: int) -> None:
    keys: dict[str, Any] = {
        "k3s": {"flannelBackend": backends[0]},
        "pools": [{"name": "agents", "count": count, "labels": {"b": "1", "a": "2"}}],
    }
    assert rendered(resolved(**keys)) == rendered(resolved(**json.loads(json.dumps(keys))))


SCALARS = st.none() | st.booleans() | st.integers() | STRINGS
ANYTHING = st.recursive(
    SCALARS, lambda each: st.lists(each) | st.dictionaries(STRINGS, each), max_leaves=12
)


@given(ANYTHING)
def test_no_configuration_ends_in_a_stack_trace(raw: Any) -> None:
    below = {"network": raw, "k3s": raw, "pools": raw, "charts": raw, "manifests": raw, "tags": raw}
    deeper = {
        "network": {**OPEN, "ingress": raw},
        "k3s": {"registries": raw, "server": raw, "agent": raw},
        "proxy": raw,
        "name": 7,
    }
    for given_as in (raw, below, deeper):
        problems = problems_of(given_as)
        assert problems
        assert all(each.what and each.fix for each in problems)


def problems_of(raw: Any) -> tuple[Problem, ...]:
    try:
        config.load(raw, stack="dev")
    except ConfigError as error:
        return error.problems
    return ()


@given(st.lists(STRINGS | st.integers(0, 9), min_size=1, max_size=4))
def test_two_paths_are_never_formatted_the_same(path: list[str | int]) -> None:
    other = [*path[:-1], f"{path[-1]}x"]
    assert format_path(tuple(path)) != format_path(tuple(other))


@given(st.sampled_from(["server", "agent"]), st.dictionaries(NAMES, STRINGS, max_size=3))
def test_keys_that_pass_through_reach_the_machine_unchanged(
    role: str, extra: dict[str, str]
) -> None:
    """A version whose keys are not listed accepts any key."""
    keys = {f"future-{key}": value for key, value in extra.items()}
    release = {"version": "v1.99.0+k3s1", "sha256": {"arm64": "0" * 64, "x86_64": "1" * 64}}
    cluster = resolved(k3s={**release, role: keys}, pools=[{"name": "agents"}])
    written = config_yaml(node_file(cluster, 0 if role == "server" else 1))
    assert {key: written[f"future-{key}"] for key in extra} == extra


ROLES: tuple[Role, ...] = ("server", "agent")
ARGUMENTS = st.builds(
    "{}={}".format,
    st.sampled_from(
        ["max-pods", "node-cidr-mask-size", "cluster-signing-duration", "bind-address"]
    ),
    st.text(max_size=8) | st.integers(-1, 70).map(str) | st.sampled_from(["²", "1²h"]),
)


@given(
    st.sampled_from(ROLES),
    st.dictionaries(
        st.sampled_from(sorted(flag.name for flag in k3s_flags.FLAGS)),
        ANYTHING | ARGUMENTS | st.lists(ARGUMENTS),
        max_size=4,
    ),
)
def test_no_value_of_a_key_of_k3s_ends_in_a_stack_trace(role: Role, keys: dict[str, Any]) -> None:
    below = "servers" if role == "server" else "pools"
    machine = {"name": "agents", "k3s": keys} if role == "agent" else {"k3s": keys}
    for raw in ({"k3s": {role: keys}}, {below: [machine] if role == "agent" else machine}):
        problems_of({"network": OPEN, **raw})


HOSTS = st.sampled_from(["docker.io", "*", "r.example.com:5000", "configs", ""]) | STRINGS
SHAPES = st.dictionaries(
    st.sampled_from(["endpoint", "rewrite", "tls", "auth"]) | STRINGS,
    ANYTHING | st.lists(STRINGS) | st.dictionaries(STRINGS, STRINGS) | st.none(),
)


@given(
    st.fixed_dictionaries(
        {},
        optional={key: st.dictionaries(HOSTS, SHAPES) | ANYTHING for key in ("mirrors", "configs")},
    )
)
def test_registries_that_are_accepted_have_the_types_that_k3s_reads(registries: Any) -> None:
    """github.com/rancher/wharfie, pkg/registries/types.go"""
    raw = {"network": OPEN, "k3s": {"registries": registries}}
    if problems_of(raw):
        return
    found = config.load(raw, stack="dev").k3s.registries
    assert set(found) <= {"mirrors", "configs"}
    for mirror in found.get("mirrors", {}).values():
        assert all(isinstance(each, str) for each in mirror.get("endpoint", []))
        assert all(isinstance(each, str) for each in mirror.get("rewrite", {}).values())
    for host in found.get("configs", {}).values():
        assert set(host) <= {"tls"}
        tls = dict(host.get("tls", {}))
        assert isinstance(tls.pop("insecure_skip_verify", False), bool)
        assert all(isinstance(each, str) for each in tls.values())
