"""Stacks whose every resource breaks one rule, and the same with nothing to say about."""

from __future__ import annotations

import base64
import bz2
import gzip
from typing import Any

from tests.policy.stack_state import resource, urn

INSTANCE = "aws:ec2/instance:Instance"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
AMI = "aws:ec2/ami:Ami"
TAGS = {"owner": "ada", "expiry": "2027-01-31"}
PROTECTED = {"httpTokens": "required", "httpPutResponseHopLimit": 1}
# In pieces: what looks for secrets in files would find it.
TOKEN = "K10" + "0a" * 32 + "::server:" + "c0ffee" * 5
MIME = """\
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="part"

--part
Content-Type: text/cloud-boothook; charset="us-ascii"

#!/usr/bin/env python3
data = "{}"
--part
Content-Type: text/cloud-config

#cloud-config
{{}}
--part--
"""


def packed(text: str) -> str:
    """As a machine of the program has it: bzip2 in base64 in a part of a message in gzip."""
    inner = base64.b64encode(bz2.compress(text.encode())).decode()
    return base64.b64encode(gzip.compress(MIME.format(inner).encode())).decode()


def machine(**changes: Any) -> dict[str, Any]:
    """The inputs of an instance that no rule has anything to say about."""
    return {
        "ami": "ami-0aaaaaaaaaaaaaaaa",
        "instanceType": "t4g.small",
        "metadataOptions": PROTECTED,
        "rootBlockDevice": {"encrypted": True, "volumeType": "gp3"},
        "userDataBase64": packed("nothing to see"),
        "tags": TAGS,
        **changes,
    }


def ingress(cidr: str, port: int, **changes: Any) -> dict[str, Any]:
    """The inputs of a rule for one TCP port."""
    return {"ipProtocol": "tcp", "fromPort": port, "toPort": port, "cidrIpv4": cidr, **changes}


def without(inputs: dict[str, Any], *keys: str) -> dict[str, Any]:
    """The inputs without these keys."""
    return {key: value for key, value in inputs.items() if key not in keys}


GROUP_OF_HALVES = urn(GROUP, "halves")
BAD: dict[str, list[dict[str, Any]]] = {
    "api-and-ssh-not-from-everywhere": [resource(RULE, "ssh", ingress("0.0.0.0/0", 22))],
    "ranges-of-a-group": [
        resource(GROUP, "halves", {}),
        *(
            resource(
                RULE, f"part-{index}", ingress(f"{index}.0.0.0/8", 6443), group=GROUP_OF_HALVES
            )
            for index in (40, 50)
        ),
    ],
    "node-ports-not-from-outside": [
        resource(
            GROUP,
            "nodes",
            {
                "ingress": [
                    {
                        "protocol": "udp",
                        "fromPort": 8000,
                        "toPort": 9000,
                        "ipv6CidrBlocks": ["::/0"],
                    }
                ]
            },
        )
    ],
    "metadata-service-protected": [
        resource(INSTANCE, "metadata", machine(metadataOptions={"httpTokens": "optional"}))
    ],
    "servers-not-on-spot": [
        resource(
            INSTANCE,
            "spot",
            machine(instanceMarketOptions={"marketType": "spot"}),
            parents=("k3s:aws:K3sCluster", "k3s:aws:ControlPlane", "k3s:aws:Machine"),
        )
    ],
    "volumes-encrypted": [
        resource(
            TEMPLATE,
            "volume",
            {
                "metadataOptions": PROTECTED,
                "blockDeviceMappings": [{"deviceName": "/dev/sdb", "ebs": {"volumeSize": 10}}],
            },
        )
    ],
    "k3s-pinned": [
        resource(
            TEMPLATE,
            "newest",
            {
                "metadataOptions": PROTECTED,
                "userData": base64.b64encode(
                    b"#!/bin/sh\ncurl -sfL https://get.k3s.io | K3S_URL=https://a:6443 sh -\n"
                ).decode(),
            },
        )
    ],
    "no-secret-in-user-data": [
        resource(INSTANCE, "secret", machine(userDataBase64=packed(f"token = '{TOKEN}'")))
    ],
    "user-data-has-room": [
        resource(INSTANCE, "full", without(machine(userData="#" * 16000), "userDataBase64"))
    ],
    "architecture-of-image": [
        resource(AMI, "image", {"architecture": "x86_64"}),
        resource(INSTANCE, "other", machine(ami="id-image")),
    ],
    "namespaces-not-privileged": [
        resource(
            "k3s:index:Identity",
            "deployer",
            {"podSecurity": "privileged", "namespaces": ["shop"]},
        )
    ],
    "owner-tag": [
        resource("aws:ebs/volume:Volume", "nobody", {"encrypted": True, "tags": {"expiry": "x"}})
    ],
    "expiry-tag": [
        resource("aws:ebs/volume:Volume", "endless", {"encrypted": True, "tags": {"owner": "ada"}})
    ],
    # Of the outputs.
    "own-image-has-generation": [],
    "no-administrator-kubeconfig": [],
}
OUTPUTS = {
    "adminKubeconfig": "apiVersion: v1",
    "clusterRecord": {
        "pools": [
            {
                "name": "agents",
                "keys": {
                    "cluster.pools[].image.id": "ami-0bbbbbbbbbbbbbbbb",
                    "cluster.pools[].image.generation": 1,
                },
            }
        ]
    },
}
TCP_22 = {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22}
GOOD = [
    resource(RULE, "ssh", ingress("203.0.113.7/32", 22)),
    resource(RULE, "api", ingress("198.51.100.0/24", 6443)),
    resource(RULE, "web", ingress("0.0.0.0/0", 443)),
    resource(RULE, "nodes", {"ipProtocol": "-1", "referencedSecurityGroupId": "sg-1"}),
    resource(GROUP, "private", {"ingress": [{"protocol": "-1", "cidrBlocks": ["10.0.0.0/16"]}]}),
    resource(INSTANCE, "server", machine()),
    resource(INSTANCE, "agent", machine(instanceMarketOptions={"marketType": "spot"})),
    resource(
        TEMPLATE,
        "template",
        {
            "metadataOptions": PROTECTED,
            "blockDeviceMappings": [
                {"deviceName": "/dev/sda1", "ebs": {"encrypted": "true"}},
                {"deviceName": "/dev/sdb", "virtualName": "ephemeral0"},
            ],
            "userData": base64.b64encode(
                b"#!/bin/sh\n"
                b"curl -sfL https://get.k3s.io | INSTALL_K3S_VERSION=v1.36.4+k3s1"
                b" K3S_TOKEN_FILE=/run/token sh -\n"
            ).decode(),
        },
    ),
    resource(AMI, "image", {"architecture": "arm64"}),
    resource(INSTANCE, "own", machine(ami="id-image")),
    resource("k3s:index:Identity", "deployer", {"namespaces": ["shop"]}),
    resource(
        "k3s:index:Node",
        "server",
        {"nodeConfig": {"pool": {"k3s": {"version": "v1.36.4+k3s1", "sha256": "0" * 64}}}},
    ),
]
GOOD_OUTPUTS = {
    "kubeconfig": "apiVersion: v1",
    "clusterRecord": {"pools": [{"name": "agents", "keys": {"cluster.pools[].image.os": "x"}}]},
}
