"""
A recording engine: the whole cluster is built once under Pulumi's mocks, every resource kept.

It returns what AWS and the plugin would, with values made from the resource's name. It does not
prove that AWS accepts the inputs; the local cloud's tests do that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pulumi
import pulumi.runtime.resource
from google.protobuf import json_format
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.proto import source_pb2

from cluster import config, restore
from cluster.model import Cluster
from cluster.spec import Architecture
from components import lookups
from components.k3s_cluster import K3sCluster, K3sClusterArgs

# These tests do not need where a resource is created in the source; it is a third of the time.
pulumi.runtime.resource._get_stack_trace = source_pb2.StackTrace

T = TypeVar("T")
SECRET_MARK = "4dabf18193072939515e22adb298388d"
CONFIGURATION: dict[str, Any] = {
    "name": "demo",
    "servers": {"count": 1, "instanceType": "t4g.small"},
    "pools": [
        {"name": "agents", "count": 2, "instanceType": "t4g.small"},
        {"name": "builders", "count": 1, "instanceType": "t3.large", "rootVolumeGib": 50},
    ],
    "network": {
        "apiAllowedCidrs": ["203.0.113.0/24"],
        "sshAllowedCidrs": ["198.51.100.7/32"],
    },
}
ARCHITECTURES = {"t4g.small": ["arm64"], "t3.large": ["x86_64"]}


@dataclass(frozen=True)
class Recorded:
    """
    One resource as the engine was asked for it; `parent` is the type of its component.

    `qualified_type` is the type as in the URN, behind those of all its components.
    """

    type: str
    qualified_type: str
    name: str
    inputs: Mapping[str, Any]
    parent: str
    depends_on: frozenset[str]
    deleted_with: str
    delete_before_replace: bool
    replacement_trigger: str
    ignore_changes: frozenset[str]
    replace_on_changes: frozenset[str]
    waits_to_be_created: bool
    retain_on_delete: bool
    hooked: bool
    """Whether a hook decides about an error of it."""

    def plain(self, key: str) -> Any:
        """An input without its secret wrapper."""
        return self.inputs[key]["value"] if self.is_secret(key) else self.inputs[key]

    def is_secret(self, key: str) -> bool:
        value = self.inputs[key]
        return isinstance(value, Mapping) and SECRET_MARK in value


class Monitor(MockMonitor):
    """Keeps each registration as it was sent."""

    def __init__(self, mocks: pulumi.runtime.Mocks) -> None:
        super().__init__(mocks)
        self.recorded: list[Recorded] = []
        # The mocks' URNs have the direct parent's type alone.
        self._qualified_types: dict[str, str] = {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - gRPC's name
        parent = request.parent.split("::")[2].split("$")[-1] if request.parent else ""
        qualified_type = self._qualify(request)
        self.recorded.append(
            Recorded(
                type=request.type,
                qualified_type=qualified_type,
                name=request.name,
                inputs=json_format.MessageToDict(request.object),
                parent=parent,
                depends_on=frozenset(request.dependencies),
                deleted_with=request.deletedWith,
                delete_before_replace=request.deleteBeforeReplace,
                replacement_trigger=request.replacement_trigger.string_value,
                ignore_changes=frozenset(request.ignoreChanges),
                replace_on_changes=frozenset(request.replaceOnChanges),
                waits_to_be_created=bool(request.hooks.before_create),
                retain_on_delete=request.retainOnDelete,
                hooked=bool(request.hooks.on_error),
            )
        )
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]

    def _qualify(self, request: Any) -> str:
        """As the engine does: the stack is not part of the types of its resources."""
        above = self._qualified_types.get(request.parent, "")
        qualified = f"{above}${request.type}" if above else request.type
        if request.type != "pulumi:pulumi:Stack":
            urn = self.make_urn(request.parent, request.type, request.name)
            self._qualified_types[urn] = qualified
        return qualified


@dataclass
class Engine(pulumi.runtime.Mocks):
    """Returns what AWS and the plugin would."""

    looked_up: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def new_resource(
        self, args: pulumi.runtime.MockResourceArgs
    ) -> tuple[str | None, dict[str, Any]]:
        return f"{args.name}-id", {**args.inputs, **self._made(args)}

    def _made(self, args: pulumi.runtime.MockResourceArgs) -> dict[str, Any]:
        made = MADE.get(args.typ)
        return {"name": args.name, **(made(args.name) if made else {})}

    def call(
        self, args: pulumi.runtime.MockCallArgs
    ) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        self.looked_up.append((args.token, args.args))
        return FOUND[args.token](args.args), []


def finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine, in a loop of its own: asyncio.run would leave the tests none."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


def _secret(value: str) -> dict[str, str]:
    return {SECRET_MARK: "1b47061264138c4ac30d75fd1eb44270", "value": value}


ZONES = ["eu-central-1b", "eu-central-1a"]
MADE: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "k3s:index:SshKey": lambda name: {
        "publicKey": f"ssh-ed25519 {name}",
        "privateKey": _secret(name),
        "previousPublicKey": f"ssh-ed25519 previous-{name}",
        "previousPrivateKey": _secret(f"previous-{name}"),
    },
    "k3s:index:CertificateAuthority": lambda _: {
        "caHash": "ab" * 32,
        **{key: _secret(key) for key in ("serverCaKey", "clientCaKey", "adminKey")},
        **{key: key for key in ("serverCaCertificate", "clientCaCertificate", "adminCertificate")},
    },
    "k3s:index:Token": lambda _: {
        "password": _secret("word"),
        "token": _secret("K10ab::node:word"),
    },
    "k3s:index:Node": lambda name: {
        "nodeName": f"node-of-{name}",
        "bootReport": {
            "schema": 1.0,
            "node": name,
            "instanceId": "i-0a",
            "role": "server",
            "state": "done",
            "phases": [
                {"name": "start-k3s", "startedAt": "2026-01-02T03:04:05.678Z", "seconds": 2.5}
            ],
            "error": None,
            "k3s": {"version": "v1", "sha256": "ab" * 32},
        },
        "kubeletVersion": "v1",
        "readySeconds": 12.5,
    },
    # In plain, unlike the plugin's, so that it is the program that makes a secret of them.
    "k3s:index:Identity": lambda name: {"kubeconfig": f"of {name}"},
    "k3s:index:Expiry": lambda _: {"expiresAt": "2026-11-29T22:00:00Z"},
    "k3s:index:Kubeconfig": lambda _: {"kubeconfig": "apiVersion: v1"},
    "aws:ec2/networkInterface:NetworkInterface": lambda name: {"privateIp": f"private-{name}"},
    "aws:s3/bucket:Bucket": lambda name: {"bucket": name, "arn": f"arn:aws:s3:::{name}"},
    "aws:lb/loadBalancer:LoadBalancer": lambda name: {
        "arn": f"arn-of-{name}",
        "dnsName": f"{name}.elb.amazonaws.com",
    },
    "aws:lb/targetGroup:TargetGroup": lambda name: {"arn": f"arn-of-group-{name}"},
    "aws:ec2/eip:Eip": lambda name: {"publicIp": f"public-{name}"},
}
FOUND: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "aws:ec2/getInstanceType:getInstanceType": lambda args: {
        "supportedArchitectures": ARCHITECTURES[args["instanceType"]],
        "supportedUsagesClasses": ["on-demand", "spot"],
        "defaultVcpus": 2,
        "memorySize": 2048,
    },
    "aws:ec2/getAmi:getAmi": lambda args: {
        "name": f"image of {args['filters'][0]['values'][0]}",
        "architecture": "arm64",
        "rootDeviceName": "/dev/xvda",
        "blockDeviceMappings": [
            {"deviceName": name, "ebs": {"volume_size": size}, "noDevice": "", "virtualName": ""}
            for name, size in (("/dev/xvda", "8"), ("/dev/sdb", "500"))
        ],
    },
    "aws:ec2/getSubnet:getSubnet": lambda args: {
        "vpcId": "vpc-0a",
        "availabilityZone": f"eu-central-1{args['id'][7]}",
    },
    "aws:ec2/getVpc:getVpc": lambda _: {
        "cidrBlockAssociations": [
            {"cidrBlock": "10.0.0.0/16", "associationId": "a", "state": "associated"}
        ]
    },
    "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings": lambda args: {
        "instanceTypes": [name for name in args["filters"][0]["values"] for _ in ZONES],
        "locations": [zone for _ in args["filters"][0]["values"] for zone in ZONES],
    },
    "aws:route53/getZone:getZone": lambda _: {"name": "example.com", "privateZone": False},
    "aws:servicequotas/getServiceQuota:getServiceQuota": lambda _: {"value": 10_000.0},
    "aws:ec2/getEips:getEips": lambda _: {"allocationIds": []},
    "aws:ec2/getVpcs:getVpcs": lambda _: {"ids": []},
    "aws:lb/getLbs:getLbs": lambda _: {"arns": []},
    "aws:index/getAvailabilityZones:getAvailabilityZones": lambda _: {"names": ZONES},
    "aws:index/getRegion:getRegion": lambda _: {"region": "eu-central-1"},
    "aws:index/getCallerIdentity:getCallerIdentity": lambda _: {"accountId": "123456789012"},
    "aws:index/getPartition:getPartition": lambda _: {"partition": "aws"},
    "aws:ssm/getParameter:getParameter": lambda args: {
        "value": f"ami-{args['name'].rsplit('/', 1)[-1]}"
    },
}


@dataclass(frozen=True)
class Built:
    """Everything the program asked for, and what the cluster hands on."""

    resources: tuple[Recorded, ...]
    looked_up: tuple[tuple[str, Mapping[str, Any]], ...]
    outputs: Mapping[str, Any]

    def of(self, kind: str) -> dict[str, Recorded]:
        """The resources of one type, by name."""
        return {each.name: each for each in self.resources if each.type == kind}


def secrecy(output: pulumi.Output[Any]) -> pulumi.Output[bool]:
    # Asked beforehand: merged with a secret output, every value counts as secret.
    found: Any = output.is_secret()
    return pulumi.Output.from_input(found)


def build(
    configuration: Mapping[str, Any],
    *,
    k3s_files: Mapping[Architecture, Path] | None = None,
    registry_auth: Mapping[str, Any] | None = None,
    login_key: str | None = None,
    existing: Mapping[str, int] | None = None,
) -> Built:
    """Everything the program makes of a configuration; `existing` machines are there, by pool."""
    return build_cluster(
        lambda: lookups.resolve(config.load(configuration, stack="dev")),
        k3s_files=k3s_files,
        registry_auth=registry_auth,
        login_key=login_key,
        existing=existing,
    )


def build_cluster(
    resolve: Callable[[], Cluster],
    *,
    k3s_files: Mapping[Architecture, Path] | None = None,
    registry_auth: Mapping[str, Any] | None = None,
    login_key: str | None = None,
    existing: Mapping[str, int] | None = None,
    restored: restore.Credentials | None = None,
) -> Built:
    """Everything the program makes of a resolved cluster; `resolve` may ask the mocked AWS."""
    engine = Engine()
    monitor = Monitor(engine)
    pulumi.runtime.set_mocks(engine, project="k3s-aws", stack="dev", monitor=monitor)
    seen: dict[str, Any] = {}

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def run() -> pulumi.Output[Any]:
        cluster = resolve()
        k3s = K3sCluster(
            cluster.name,
            K3sClusterArgs(
                cluster=cluster,
                boot_program={"__main__.py": "print('boot')"},
                k3s_files=k3s_files or {},
                registry_auth=registry_auth or {},
                login_key=login_key,
                restored=restored,
                existing_machines=pulumi.Output.from_input(dict(existing or {})),
            ),
        )
        return pulumi.Output.all(
            apiEndpoint=k3s.api_endpoint,
            nodes=k3s.nodes,
            bootReport=k3s.boot_report,
            bom=k3s.bom,
            kubeconfigs=k3s.kubeconfigs,
            kubeconfigsAreSecret={name: secrecy(each) for name, each in k3s.kubeconfigs.items()},
            adminKubeconfig=k3s.admin_kubeconfig,
            adminKubeconfigIsSecret=secrecy(pulumi.Output.from_input(k3s.admin_kubeconfig)),
            apiEndpointIsSecret=secrecy(k3s.api_endpoint),
            bomIsSecret=secrecy(k3s.bom),
        ).apply(seen.update)

    run()
    return Built(resources=tuple(monitor.recorded), looked_up=tuple(engine.looked_up), outputs=seen)
