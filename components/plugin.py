"""
The resources of the `k3s` provider plugin (folder provider/), as the program sees them.

Written by `make golden` from the provider's schema: change provider/resources/, not this file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi

from components.plugin_resource import PluginResource


class SshConnection(TypedDict):
    """Address, login and host key of a machine."""

    enabled: pulumi.Input[bool]
    host: pulumi.Input[str]
    port: pulumi.Input[int]
    user: pulumi.Input[str]
    privateKey: pulumi.Input[str]
    hostKey: pulumi.Input[str]
    previousPrivateKey: NotRequired[pulumi.Input[str]]
    previousHostKey: NotRequired[pulumi.Input[str]]


class ApiConnection(TypedDict):
    """Endpoint of the Kubernetes API and the client certificate for it."""

    endpoint: pulumi.Input[str]
    serverCaCertificate: pulumi.Input[str]
    clientCertificate: pulumi.Input[str]
    clientKey: pulumi.Input[str]


class SshKeyInputs(TypedDict):
    """The inputs of SshKey."""

    comment: pulumi.Input[str]
    generation: pulumi.Input[str]
    privateKey: NotRequired[pulumi.Input[str]]


class SshKey(PluginResource[SshKeyInputs]):
    """An Ed25519 SSH key pair; the private half is secret in state."""

    pulumi_type = "k3s:index:SshKey"
    comment: pulumi.Output[str]
    generation: pulumi.Output[str]
    privateKey: pulumi.Output[str]
    publicKey: pulumi.Output[str]
    fingerprint: pulumi.Output[str]
    previousPublicKey: pulumi.Output[str]
    previousPrivateKey: pulumi.Output[str]


class CertificateAuthorityInputs(TypedDict):
    """The inputs of CertificateAuthority."""

    name: pulumi.Input[str]
    expiryDays: pulumi.Input[int]
    given: NotRequired[pulumi.Input[str]]


class CertificateAuthority(PluginResource[CertificateAuthorityInputs]):
    """
    The server and client CA of a cluster, and the administrator's certificate. Every change creates
    another authority, and so another cluster. A given authority is that of a cluster that is
    restored.
    """

    pulumi_type = "k3s:index:CertificateAuthority"
    name: pulumi.Output[str]
    expiryDays: pulumi.Output[int]
    given: pulumi.Output[str]
    serverCaCertificate: pulumi.Output[str]
    serverCaKey: pulumi.Output[str]
    clientCaCertificate: pulumi.Output[str]
    clientCaKey: pulumi.Output[str]
    caHash: pulumi.Output[str]
    adminCertificate: pulumi.Output[str]
    adminKey: pulumi.Output[str]


class TokenInputs(TypedDict):
    """The inputs of Token."""

    caHash: pulumi.Input[str]
    userName: pulumi.Input[str]
    generation: pulumi.Input[str]
    given: NotRequired[pulumi.Input[str]]


class Token(PluginResource[TokenInputs]):
    """
    A join token in k3s's secure form, bound to the hash of the server CA. A change of `generation`
    generates another password, in place.
    """

    pulumi_type = "k3s:index:Token"
    caHash: pulumi.Output[str]
    userName: pulumi.Output[str]
    generation: pulumi.Output[str]
    given: pulumi.Output[str]
    password: pulumi.Output[str]
    token: pulumi.Output[str]


class MachineTemplateInputs(TypedDict):
    """The inputs of MachineTemplate."""

    generation: pulumi.Input[str]
    networkInterfaceId: pulumi.Input[str]
    dataVolumeId: NotRequired[pulumi.Input[str]]
    imageId: pulumi.Input[str]
    userData: pulumi.Input[str]
    hasDatastore: NotRequired[pulumi.Input[bool]]


class MachineTemplate(PluginResource[MachineTemplateInputs]):
    """Image and user data of a machine, kept until what is in them for good changes."""

    pulumi_type = "k3s:index:MachineTemplate"
    generation: pulumi.Output[str]
    networkInterfaceId: pulumi.Output[str]
    dataVolumeId: pulumi.Output[str]
    imageId: pulumi.Output[str]
    userData: pulumi.Output[str]
    hasDatastore: pulumi.Output[bool]


class DatastoreInputs(TypedDict):
    """The inputs of Datastore."""

    storageId: pulumi.Input[str]


class Datastore(PluginResource[DatastoreInputs]):
    """The identity of a cluster's data, replaced when the data is other data."""

    pulumi_type = "k3s:index:Datastore"
    storageId: pulumi.Output[str]


class ExpiryInputs(TypedDict):
    """The inputs of Expiry."""

    ttlSeconds: pulumi.Input[int]


class Expiry(PluginResource[ExpiryInputs]):
    """The time at which a cluster ends, counted from the creation of this resource."""

    pulumi_type = "k3s:index:Expiry"
    ttlSeconds: pulumi.Output[int]
    beganAt: pulumi.Output[str]
    expiresAt: pulumi.Output[str]


class NodeInputs(TypedDict):
    """The inputs of Node."""

    nodeName: pulumi.Input[str]
    instanceId: pulumi.Input[str]
    datastoreId: NotRequired[pulumi.Input[str]]
    instanceType: pulumi.Input[str]
    role: pulumi.Input[str]
    ssh: pulumi.Input[SshConnection]
    api: pulumi.Input[ApiConnection]
    otherEndpoints: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    nodeConfig: pulumi.Input[Mapping[str, Any]]
    secrets: pulumi.Input[str]
    deadlineSeconds: pulumi.Input[int]
    drainSeconds: pulumi.Input[int]
    drainOnUpgrade: NotRequired[pulumi.Input[bool]]


class Node(PluginResource[NodeInputs]):
    """The Kubernetes node on a machine: there when it is Ready, drained when deleted."""

    pulumi_type = "k3s:index:Node"
    nodeName: pulumi.Output[str]
    instanceId: pulumi.Output[str]
    datastoreId: pulumi.Output[str]
    instanceType: pulumi.Output[str]
    role: pulumi.Output[str]
    ssh: pulumi.Output[dict[str, Any]]
    api: pulumi.Output[dict[str, Any]]
    otherEndpoints: pulumi.Output[list[str]]
    nodeConfig: pulumi.Output[dict[str, Any]]
    secrets: pulumi.Output[str]
    deadlineSeconds: pulumi.Output[int]
    drainSeconds: pulumi.Output[int]
    drainOnUpgrade: pulumi.Output[bool]
    bootReport: pulumi.Output[dict[str, Any]]
    kubeletVersion: pulumi.Output[str]
    architecture: pulumi.Output[str]
    internalIp: pulumi.Output[str]
    readySeconds: pulumi.Output[float]


class KubeconfigInputs(TypedDict):
    """The inputs of Kubeconfig."""

    ssh: pulumi.Input[SshConnection]
    api: pulumi.Input[ApiConnection]
    instanceId: pulumi.Input[str]
    clusterName: pulumi.Input[str]
    deadlineSeconds: pulumi.Input[int]
    otherServers: NotRequired[pulumi.Input[Mapping[str, Any]]]


class Kubeconfig(PluginResource[KubeconfigInputs]):
    """The administrator's kubeconfig of the cluster, verified with a call. Secret."""

    pulumi_type = "k3s:index:Kubeconfig"
    ssh: pulumi.Output[dict[str, Any]]
    api: pulumi.Output[dict[str, Any]]
    instanceId: pulumi.Output[str]
    clusterName: pulumi.Output[str]
    deadlineSeconds: pulumi.Output[int]
    otherServers: pulumi.Output[dict[str, Any]]
    kubeconfig: pulumi.Output[str]
    issuedAt: pulumi.Output[str]
    expiresAt: pulumi.Output[str]


class IdentityInputs(TypedDict):
    """The inputs of Identity."""

    api: pulumi.Input[ApiConnection]
    datastoreId: pulumi.Input[str]
    clusterName: pulumi.Input[str]
    name: pulumi.Input[str]
    clusterRole: pulumi.Input[str]
    namespaces: pulumi.Input[Sequence[pulumi.Input[str]]]
    clusterReads: pulumi.Input[Sequence[pulumi.Input[str]]]
    expiryDays: pulumi.Input[int]
    generation: pulumi.Input[int]
    podSecurity: NotRequired[pulumi.Input[str]]
    deadlineSeconds: pulumi.Input[int]


class Identity(PluginResource[IdentityInputs]):
    """A kubeconfig with permissions of its own, renewed in the last third of its life."""

    pulumi_type = "k3s:index:Identity"
    api: pulumi.Output[dict[str, Any]]
    datastoreId: pulumi.Output[str]
    clusterName: pulumi.Output[str]
    name: pulumi.Output[str]
    clusterRole: pulumi.Output[str]
    namespaces: pulumi.Output[list[str]]
    clusterReads: pulumi.Output[list[str]]
    expiryDays: pulumi.Output[int]
    generation: pulumi.Output[int]
    podSecurity: pulumi.Output[str]
    deadlineSeconds: pulumi.Output[int]
    kubeconfig: pulumi.Output[str]
    userName: pulumi.Output[str]
    previousUserName: pulumi.Output[str]
    issuedAt: pulumi.Output[str]
    expiresAt: pulumi.Output[str]
    rbacStatus: pulumi.Output[str]
