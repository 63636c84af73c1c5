"""The resource types of the plugin, one module each. Their tokens are part of the state format."""

from __future__ import annotations

from provider.protocol.resource import Resource
from provider.resources.certificate_authority import CertificateAuthority
from provider.resources.datastore import Datastore
from provider.resources.identity.resource import Identity
from provider.resources.kubeconfig.resource import Kubeconfig
from provider.resources.machine_template import MachineTemplate
from provider.resources.node.resource import Node
from provider.resources.ssh_key import SshKey
from provider.resources.token import Token

RESOURCES: tuple[Resource, ...] = (
    SshKey(),
    CertificateAuthority(),
    Token(),
    MachineTemplate(),
    Datastore(),
    Node(),
    Kubeconfig(),
    Identity(),
)
