"""
The resources of the `k3s` provider plugin (folder provider/), as the program sees them.

Thin on purpose: property names are the plugin's own, its schema tells what each does.
Tokens and property names are part of the state format (docs/decisions/0003).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pulumi

Inputs = Mapping[str, pulumi.Input[Any]]


class PluginResource(pulumi.CustomResource):
    """A resource of the plugin: its token, and its outputs as the annotations of the class."""

    pulumi_type: ClassVar[str]

    def __init__(
        self, name: str, inputs: Inputs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        # The SDK makes an attribute of each key it is given; None asks for an output.
        outputs = {key: None for key in type(self).__annotations__ if key != "pulumi_type"}
        super().__init__(self.pulumi_type, name, {**outputs, **inputs}, opts)


class SshKey(PluginResource):
    """
    An Ed25519 key pair; the private half is secret in state.

    Inputs: comment, generation (another one makes another pair in place), privateKey (an own one).
    """

    pulumi_type = "k3s:index:SshKey"
    publicKey: pulumi.Output[str]
    privateKey: pulumi.Output[str]
    previousPublicKey: pulumi.Output[str]
    previousPrivateKey: pulumi.Output[str]


class CertificateAuthority(PluginResource):
    """The cluster's server and client CA, made before it. Inputs: name, expiryDays."""

    pulumi_type = "k3s:index:CertificateAuthority"
    serverCaCertificate: pulumi.Output[str]
    serverCaKey: pulumi.Output[str]
    clientCaCertificate: pulumi.Output[str]
    clientCaKey: pulumi.Output[str]
    caHash: pulumi.Output[str]
    adminCertificate: pulumi.Output[str]
    adminKey: pulumi.Output[str]


class Token(PluginResource):
    """
    A join token pinned to the authority, secret.

    Inputs: caHash, userName (server or node), generation (another one draws another password).
    """

    pulumi_type = "k3s:index:Token"
    password: pulumi.Output[str]
    token: pulumi.Output[str]


class MachineTemplate(PluginResource):
    """
    What a machine is made from: image and user data, remembered until `generation` or
    `networkInterfaceId` changes.

    So neither a newer image nor a newer boot program replaces a machine by surprise, and a machine
    made again for another reason comes back as it was (docs/decisions/0004).
    Inputs: generation, networkInterfaceId, imageId, userData.
    """

    pulumi_type = "k3s:index:MachineTemplate"
    imageId: pulumi.Output[str]
    userData: pulumi.Output[str]


class Node(PluginResource):
    """
    The Kubernetes node on a machine.

    Creating it waits until the machine's report is done and the node is Ready; deleting it drains
    and removes the Node object. Another instance replaces it; another node configuration, other
    secrets and SSH keys are applied to the running machine, and behind another server it joins once
    more. While SSH is disabled it asks the API alone, and applies nothing.
    """

    pulumi_type = "k3s:index:Node"
    nodeName: pulumi.Output[str]
    instanceId: pulumi.Output[str]
    bootReport: pulumi.Output[dict[str, Any]]
    kubeletVersion: pulumi.Output[str]
    architecture: pulumi.Output[str]
    internalIp: pulumi.Output[str]
    readySeconds: pulumi.Output[float]


class Identity(PluginResource):
    """
    A kubeconfig with rights of its own, secret; renewed in the last third of its life.

    Deleting it takes the rights away. Another role or `generation` is another user.
    """

    pulumi_type = "k3s:index:Identity"
    kubeconfig: pulumi.Output[str]


class Kubeconfig(PluginResource):
    """
    The administrator's kubeconfig, read over pinned SSH and proved with a call; secret.

    While SSH is disabled it is made of the certificate in `api`. Near its end it is read again.
    """

    pulumi_type = "k3s:index:Kubeconfig"
    kubeconfig: pulumi.Output[str]
