"""What becomes of k3s's packaged components (CoreDNS, Traefik and others) in the demo."""

from __future__ import annotations

from toolchain import download
from toolchain.k3s import THE_STANDIN, K3s

REGISTRY = "https://registry-1.docker.io/v2/"


def notice(binary: K3s) -> str | None:
    """
    One line where they do not run, or nothing.

    The stand-in's nodes run no containers. A real k3s pulls the images of its components, which
    takes a registry; its nodes are Ready without them.
    """
    if binary.kind == THE_STANDIN:
        return "nodes run no containers: pods become Running without a process"
    # Without credentials it answers 401.
    if download.status_of(REGISTRY) is None:
        return (
            "CoreDNS, Traefik and the other packaged components wait for images: no registry can "
            "be reached from here; the nodes are Ready all the same"
        )
    return None
