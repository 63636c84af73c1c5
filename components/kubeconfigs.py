"""The kubeconfigs of a cluster: of each identity, and the administrator's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from cluster.model import Cluster
from cluster.spec import Identity
from components import plugin
from components.datastore import Datastore
from components.machine import Machine


@dataclass(frozen=True, kw_only=True)
class Kubeconfigs:
    """Creates kubeconfigs below `parent`, once the servers are Ready."""

    parent: pulumi.Resource
    name: str
    cluster: Cluster
    api: plugin.ApiConnection
    servers: Sequence[Machine]
    authority: plugin.CertificateAuthority
    datastore: Datastore

    @property
    def _opts(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(
            parent=self.parent,
            depends_on=[server.node for server in self.servers],
            # Where the authority goes, the datastore goes too, and nothing of them is left.
            deleted_with=self.authority,
        )

    def of_identity(self, identity: Identity) -> pulumi.Output[str]:
        """The kubeconfig of a client certificate with permissions of its own; secret."""
        created = plugin.Identity(
            f"{self.name}-{identity.name}",
            {
                "api": self.api,
                "datastoreId": self.datastore.id,
                "clusterName": self.cluster.name,
                "name": identity.name,
                "clusterRole": identity.cluster_role,
                "namespaces": list(identity.namespaces),
                "clusterReads": list(identity.cluster_reads),
                "expiryDays": identity.expiry_days,
                "generation": identity.generation,
                "podSecurity": identity.pod_security,
                "deadlineSeconds": self.cluster.node_deadline_seconds,
            },
            pulumi.ResourceOptions.merge(
                self._opts,
                # Its permissions are found by the identity's name, also those of one that
                # replaces it.
                pulumi.ResourceOptions(delete_before_replace=True),
            ),
        )
        return pulumi.Output.secret(created.kubeconfig)

    def of_administrator(self) -> pulumi.Output[str]:
        """The kubeconfig that k3s wrote on the first server that can be reached; secret."""
        first, *others = self.servers
        inputs: plugin.KubeconfigInputs = {
            "ssh": first.ssh,
            "api": self.api,
            "instanceId": first.instance.id,
            "clusterName": self.cluster.name,
            "deadlineSeconds": self.cluster.node_deadline_seconds,
        }
        if others:
            inputs["otherServers"] = pulumi.Output.secret({each.name: each.ssh for each in others})
        created = plugin.Kubeconfig(
            self.name,
            inputs,
            # The file exists once k3s has started, which is what the nodes wait for.
            self._opts,
        )
        return pulumi.Output.secret(created.kubeconfig)
