"""Where clients connect to the Kubernetes API: the address of the server, for now."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from cluster import network
from components.address import Address


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """
    Where kubectl and the provider connect.

    Nodes do not use it: they join through the servers' private addresses. `host` is in the
    certificates of every server.
    """

    host: pulumi.Output[str]

    @property
    def url(self) -> pulumi.Output[str]:
        return pulumi.Output.format("https://{0}:{1}", self.host, network.API_PORT)


def at_address(address: Address) -> Endpoint:
    """The endpoint of a cluster with one server: the address that the program reaches it at."""
    return Endpoint(host=address.reached_at)
