"""What an example renders to: every text the program makes of it, by file name."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import yaml

from cluster import (
    bucket,
    config,
    endpoint,
    expiry,
    machine_files,
    network,
    node_config,
    overlay,
    parameters,
    policies,
    record,
    record_json,
)
from cluster import user_data as user_data_text
from cluster.model import Cluster, Node
from cluster.node_config import Addresses, NodeContext
from cost import estimate, prices, summary
from tests.cluster import ec2
from tests.cluster.config_yaml import config_yaml

GOLDEN = Path(__file__).parent
EXAMPLES = GOLDEN.parent.parent / "examples"
FILES = {
    path.stem.removeprefix("Pulumi."): path
    for path in (*EXAMPLES.glob("*.yaml"), *EXAMPLES.glob("*/Pulumi.*.yaml"))
}
NAMES = sorted(FILES)

REGION = "eu-central-1"
BUCKET = "the-bucket"
VOLUME = "vol-0123456789abcdef0"
# Its text would repeat in every golden; the tests of cloud-init/ are about it.
BOOT_PROGRAM = {"__main__.py": "# the modules of cloud-init/boot/\n"}


def configuration(example: str) -> dict[str, Any]:
    """What the example has under `k3s-aws:cluster`, laid over its base where it has one."""
    content = yaml.load(FILES[example].read_text(), yaml.CSafeLoader)["config"]
    cluster: dict[str, Any] = content["k3s-aws:cluster"]
    file = content.get("k3s-aws:base")
    if file:
        cluster = overlay.lay_over(cluster, overlay.read(file, read_file), file).content
    return cluster


def read_file(name: str) -> str:
    """As the program reads a manifest's file: from the project's folder."""
    return (EXAMPLES.parent / name).read_text()


def load(example: str) -> Cluster:
    """The resolved model of an example."""
    cluster = config.load(configuration(example), stack=example, read_file=read_file)
    return ec2.resolve(cluster)


def render(example: str) -> dict[str, str]:
    """The files of the example: for the whole cluster, and for the first node of each pool."""
    cluster = load(example)
    files = {
        "cluster.yaml": _yaml(_outline(cluster)),
        "ingress.yaml": _yaml(_ingress(cluster)),
        f"{record.OUTPUT}.json": _json(record_json.render(record.of(cluster))),
    }
    cost = estimate.of(cluster, prices.load(cluster.region))
    files["cost.json"] = _json({"line": summary.line(cost), "output": summary.output(cost)})
    for role in network.ROLES:
        shared = list(map(_arn, parameters.readable_by(cluster, role)))
        own = {
            address: _arn(parameters.host_key(cluster, role, address))
            for position, node in enumerate(cluster.nodes)
            if node.role == role
            if (address := _addresses(cluster, position).private_ip)
        }
        folders = bucket.readable(cluster, role) if bucket.needed(cluster) else ()
        objects = [f"arn:aws:s3:::{BUCKET}/{folder}/*" for folder in folders]
        files[f"policy-{role}.json"] = _json(
            policies.read(shared, own, objects, cluster.parameter_key_arn)
        )
        if mine := [node for node in cluster.nodes if node.role == role]:
            files[f"policy-{role}-deny-parameters.json"] = _json(
                policies.deny_parameters(
                    _arn(parameters.everything(cluster)), _instances(len(mine))
                )
            )
    files["policy-trust.json"] = _json(policies.trust_policy("aws"))
    for position, node in enumerate(cluster.nodes):
        if node.index == 0:
            files |= _node(cluster, node, position)
    return files


def _arn(name: str) -> str:
    return parameters.arn(name, partition="aws", region=REGION, account_id="123456789012")


def _instances(number: int) -> list[str]:
    return [f"i-{index:017x}" for index in range(number)]


def _node(cluster: Cluster, node: Node, position: int) -> dict[str, str]:
    server, own = _addresses(cluster, 0), _addresses(cluster, position)
    ends = expiry.LONGEST if cluster.ttl_seconds else None
    context = NodeContext(
        server_private_ips=tuple(
            _addresses(cluster, each).private_ip for each in range(cluster.servers.count)
        ),
        endpoint_host=_endpoint(cluster, server),
        bucket=BUCKET if bucket.needed(cluster) else None,
        expires_at=ends,
    )
    volume = VOLUME if node.role == "server" else None
    config = node_config.build(cluster, node, own, context, volume)
    text = machine_files.node_file(config, cluster.node_deadline_seconds)
    return {
        f"{node.suffix}.node.json": json.dumps(json.loads(text), indent=1) + "\n",
        f"{node.suffix}.k3s.yaml": _yaml(config_yaml(text)),
        f"{node.suffix}.boothook": user_data_text.boothook(text, BOOT_PROGRAM, ends),
    }


def _endpoint(cluster: Cluster, server: Addresses) -> str:
    """Where clients connect."""
    wanted = cluster.endpoint
    if wanted.type == "loadBalancer":
        return f"{endpoint.load_balancer_name(cluster)}-0123456789abcdef.elb.{REGION}.amazonaws.com"
    return wanted.hostname or server.public_ip or server.private_ip


def _addresses(cluster: Cluster, position: int) -> Addresses:
    subnet = network.subnet_cidrs(cluster.network.vpc_cidr, 1)[0]
    public = f"198.51.100.{10 + position}" if cluster.network.public_addresses else None
    return Addresses(private_ip=str(subnet[10 + position]), public_ip=public)


def _outline(cluster: Cluster) -> dict[str, Any]:
    return {
        "subnets": [str(each.cidr or each.id) for each in cluster.subnets],
        "tags": cluster.tags,
        "identities": {
            each.name: {
                "clusterRole": each.cluster_role,
                "namespaces": list(each.namespaces),
                "clusterReads": list(each.cluster_reads),
                "expiryDays": each.expiry_days,
                "generation": each.generation,
            }
            for each in cluster.identities
        },
        "adminKubeconfig": cluster.admin_kubeconfig,
        "warnings": [str(each) for each in cluster.warnings],
        "nodes": {
            node.logical_name: {
                "nodeName": node.name_on("i-0123456789abcdef0"),
                "instanceType": node.pool.instance_type,
                "image": node.pool.image.ami or node.pool.image.parameters[node.architecture],
                "rootVolumeGib": node.pool.root_volume_gib,
                "generation": node.generation,
                "zone": cluster.subnets[node.subnet].zone,
                "loginUser": node.pool.image.login_user,
                "spot": dataclasses.asdict(node.pool.spot) if node.pool.spot else None,
            }
            for node in cluster.nodes
        },
    }


def _ingress(cluster: Cluster) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in dataclasses.asdict(rule).items() if value is not None}
        for rule in network.ingress_rules(cluster)
    ]


def _yaml(content: object) -> str:
    return yaml.safe_dump(content, sort_keys=False)


def _json(content: object) -> str:
    return json.dumps(content, indent=2) + "\n"
