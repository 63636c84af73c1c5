"""Machine (k3s:aws:Machine): one EC2 instance and the Kubernetes node on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from cluster import boot_program, machine_files, parameters, user_data
from cluster.machine_files import NodeConfig
from cluster.model import Cluster, Node
from cluster.spec import Spot
from components import instance_states, plugin
from components.address import Address
from components.parameter import SecretParameters
from components.rollout import Turn


@dataclass(frozen=True, kw_only=True)
class Access:
    """
    How the provider reaches a machine and the cluster: the login key and our own certificate.

    `endpoint_ready` is what has to exist before the API can be reached. Where the authority goes,
    the whole cluster does: there is nothing to drain then, and nobody to ask.
    """

    login_key: plugin.SshKey
    api: plugin.ApiConnection
    authority: plugin.CertificateAuthority
    endpoint_ready: Sequence[pulumi.Resource]
    other_endpoints: Sequence[pulumi.Output[str]] = ()


@dataclass(frozen=True, kw_only=True)
class MachineArgs:
    """What one machine is made of; `ready_to_boot` is what it asks for in its first second."""

    cluster: Cluster
    node: Node
    address: Address
    profile_name: pulumi.Input[str]
    image_id: pulumi.Input[str]
    has_datastore: bool
    """Whether the datastore is on its root volume, so that it must not be replaced."""
    boot_program: Mapping[str, str]
    """All modules; a machine gets those of its role."""
    node_config: pulumi.Output[NodeConfig]
    data_volume: aws.ebs.Volume | None = None
    """Where a server has its datastore."""
    datastore_id: pulumi.Input[str] | None
    """The data behind the servers that an agent joins."""
    access: Access
    secrets: Mapping[str, pulumi.Input[str]]
    """What it shares with the machines of its role, by the keys of its node configuration."""
    parameters: SecretParameters
    ready_to_boot: Sequence[pulumi.Resource]
    tags: Mapping[str, pulumi.Input[str]]


class Machine(pulumi.ComponentResource):
    """
    One EC2 instance and the Kubernetes node on it (k3s:aws:Machine).

    Creates the machine's SSH host key and its parameter, the machine template, the instance, the
    attachment of a server's data volume, and the node. Another `generation` of the template
    replaces the instance, the old one first, since both stand on one network interface; another
    node configuration is applied in place by the node.
    """

    name: str
    instance: aws.ec2.Instance
    node: plugin.Node
    ssh: plugin.SshConnection
    """How the provider reaches it, if SSH is enabled."""
    summary: pulumi.Output[dict[str, Any]]

    def __init__(
        self,
        name: str,
        args: MachineArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        turn: Turn,
        node_opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("k3s:aws:Machine", name, None, opts)
        self.name = name
        child = pulumi.ResourceOptions(parent=self)
        # A machine that is made anew gets another one: what the old one was is worth nothing then.
        generation = f"{args.node.generation}-{args.cluster.rotation.host_keys}"
        host_key = plugin.SshKey(
            f"{name}-host-key", {"comment": name, "generation": generation}, child
        )
        host_key_parameter = args.parameters.create(
            f"{name}-host-key",
            args.address.private_ip.apply(
                lambda ip: parameters.host_key(args.cluster, args.node.role, ip)
            ),
            host_key.privateKey,
            child,
        )
        self.instance = self._instance(name, args, host_key_parameter, turn)
        pulumi.Output.all(self.instance.id, self.instance.instance_state).apply(
            lambda known: instance_states.warn(known[0], known[1], self)
        )
        self.ssh = {
            "enabled": args.cluster.network.ssh_enabled,
            "host": args.address.reached_at,
            "port": 22,
            "user": args.node.pool.image.login_user,
            "privateKey": args.access.login_key.privateKey,
            "hostKey": host_key.publicKey,
            "previousPrivateKey": args.access.login_key.previousPrivateKey,
            "previousHostKey": host_key.previousPublicKey,
        }
        held = {**args.secrets, "hostKey": host_key.privateKey}
        inputs: plugin.NodeInputs = {
            "nodeName": self.instance.id.apply(args.node.name_on),
            "instanceId": self.instance.id,
            "instanceType": args.node.pool.instance_type,
            "role": args.node.role,
            "ssh": self.ssh,
            "api": args.access.api,
            "nodeConfig": args.node_config,
            "secrets": pulumi.Output.secret(pulumi.Output.json_dumps(held)),
            "deadlineSeconds": args.cluster.node_deadline_seconds,
            "drainSeconds": args.cluster.drain_seconds,
        }
        if args.datastore_id is not None:
            inputs["datastoreId"] = args.datastore_id
        if args.access.other_endpoints:
            inputs["otherEndpoints"] = list(args.access.other_endpoints)
        if args.cluster.k3s.drain_on_upgrade:
            # Left out otherwise: an existing node would have a change that changes nothing.
            inputs["drainOnUpgrade"] = True
        depends_on = [*args.access.endpoint_ready]
        if args.data_volume is not None:
            # The node goes first: it is drained while k3s still has its datastore.
            depends_on.append(self._attach(name, args.data_volume))
        reached = pulumi.ResourceOptions(
            parent=self,
            depends_on=depends_on,
            deleted_with=args.access.authority,
            # etcd refuses a new member at the address of one that is still there, and k3s removes
            # a member when its Node is deleted.
            delete_before_replace=args.node.role == "server" and args.cluster.has_etcd,
        )
        self.node = plugin.Node(name, inputs, pulumi.ResourceOptions.merge(node_opts, reached))
        self.summary = self._summarize(args)
        self.register_outputs({"instanceId": self.instance.id, "nodeName": self.node.nodeName})

    def _instance(
        self, name: str, args: MachineArgs, host_key_parameter: aws.ssm.Parameter, turn: Turn
    ) -> aws.ec2.Instance:
        def render(node_config: NodeConfig) -> str:
            text = machine_files.node_file(node_config, args.cluster.node_deadline_seconds)
            modules = boot_program.of_first_boot(args.boot_program, args.node.role)
            expires_at = node_config["pool"].get("expiresAt")
            return user_data.encode(user_data.render(text, modules, expires_at))

        inputs: plugin.MachineTemplateInputs = {
            "generation": args.node.generation,
            "networkInterfaceId": args.address.interface_id,
            "imageId": args.image_id,
            "userData": args.node_config.apply(render),
        }
        if args.data_volume is not None:
            inputs["dataVolumeId"] = args.data_volume.id
        if args.has_datastore:
            inputs["hasDatastore"] = True
        template = plugin.MachineTemplate(name, inputs, pulumi.ResourceOptions(parent=self))
        return aws.ec2.Instance(
            name,
            ami=template.imageId,
            instance_type=args.node.pool.instance_type,
            user_data_base64=template.userData,
            user_data_replace_on_change=True,
            primary_network_interface={"network_interface_id": args.address.interface_id},
            iam_instance_profile=args.profile_name,
            metadata_options={
                "http_endpoint": "enabled",
                "http_tokens": "required",
                "http_put_response_hop_limit": 1,
            },
            root_block_device={
                "encrypted": True,
                "volume_type": "gp3",
                "volume_size": args.node.pool.root_volume_gib,
                "delete_on_termination": True,
                "tags": {**args.tags, "Name": name},
            },
            instance_initiated_shutdown_behavior=_when_shut_down(args),
            instance_market_options=_market(args.node.pool.spot),
            tags={**args.tags, "Name": name},
            opts=pulumi.ResourceOptions(
                parent=self,
                # Of an instance it is the check of its interface, which components/address.py sets:
                # the provider compares that with its own default and would switch it on again.
                # https://github.com/hashicorp/terraform-provider-aws/issues/44768
                ignore_changes=["sourceDestCheck"],
                # The interface can stand on one instance at a time.
                delete_before_replace=True,
                # What needs a new machine need not be in its user data: agents learn the ranges
                # and the flannel backend from the server.
                replacement_trigger=args.node.generation,
                # Nothing of the instance names these, but its first second asks for them.
                depends_on=turn.then([host_key_parameter, args.address.ready, *args.ready_to_boot]),
            ),
        )

    def _attach(self, name: str, volume: aws.ebs.Volume) -> aws.ec2.VolumeAttachment:
        return aws.ec2.VolumeAttachment(
            f"{name}-data",
            # Not `xvdf`: instances with NVMe have a name of their own, by the volume's id.
            device_name="/dev/sdf",
            instance_id=self.instance.id,
            volume_id=volume.id,
            # A stopped system has closed the datastore and unmounted its file system.
            stop_instance_before_detaching=True,
            opts=pulumi.ResourceOptions(
                parent=self,
                # Another volume has the same device name.
                delete_before_replace=True,
                # Where the volume goes as well, the end of the instance detaches it.
                deleted_with=volume,
            ),
        )

    def _summarize(self, args: MachineArgs) -> pulumi.Output[dict[str, Any]]:
        return pulumi.Output.all(
            name=self.node.nodeName,
            role=args.node.role,
            pool=args.node.pool.name,
            instanceId=self.instance.id,
            architecture=args.node.architecture,
            publicIp=args.address.public_ip,
            privateIp=args.address.private_ip,
            k3sVersion=self.node.kubeletVersion,
            readySeconds=self.node.readySeconds,
        )


def _when_shut_down(args: MachineArgs) -> str | None:
    """
    What a power-off from inside does.

    A spot instance of a one-time request cannot stop; the provider would change the attribute after
    its start, which EC2 refuses for spot instances.
    """
    if args.node.pool.spot:
        return None
    # By name: leaving it out would keep `terminate` where a ttl was removed.
    return "terminate" if args.cluster.ttl_seconds else "stop"


def _market(spot: Spot | None) -> aws.ec2.InstanceInstanceMarketOptionsArgs | None:
    if spot is None:
        return None
    return aws.ec2.InstanceInstanceMarketOptionsArgs(
        market_type="spot",
        spot_options=aws.ec2.InstanceInstanceMarketOptionsSpotOptionsArgs(
            # A persistent request would start a machine nobody knows of after an interruption.
            spot_instance_type="one-time",
            instance_interruption_behavior="terminate",
            max_price=_price(spot.max_price),
        ),
    )


def _price(text: str | None) -> str | None:
    """
    The price with a decimal point.

    EC2 returns six decimals, and the provider compares without zeros at the end: "1" would be
    another price than "1.000000", and another price replaces the machine.
    """
    return text if text is None or "." in text else f"{text}.0"
