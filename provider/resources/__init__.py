"""The resource types of the `k3s` provider. Their tokens are part of the state format."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cluster import boot_program
from cluster.errors import ClusterError
from provider import VERSION
from provider.keys.host_keys import HostKeys
from provider.protocol.resource import Provider
from provider.resources.certificate_authority import CertificateAuthority
from provider.resources.datastore import Datastore
from provider.resources.expiry import Expiry
from provider.resources.identity.resource import Identity
from provider.resources.kubeconfig.resource import Kubeconfig
from provider.resources.machine_template import MachineTemplate
from provider.resources.node.resource import Node
from provider.resources.ssh_key import SshKey
from provider.resources.token import Token


class K3sProvider(Provider):
    """The provider `k3s`; `modules` returns those of the boot program, by path."""

    name = "k3s"
    version = VERSION
    description = "Keys, node readiness, kubeconfigs and their permissions of a k3s cluster"
    title = "the k3s provider"

    def __init__(self, modules: Callable[[], Mapping[str, str]] = boot_program.modules) -> None:
        host_keys = HostKeys()
        self.resources = (
            SshKey(host_keys),
            CertificateAuthority(),
            Token(),
            MachineTemplate(),
            Datastore(),
            Expiry(),
            Node(host_keys, modules),
            Kubeconfig(host_keys),
            Identity(),
        )

    def explain(self, error: Exception, subject: str) -> str | None:
        return str(error) if isinstance(error, ClusterError) else None
