"""The k3s files of the configured release on the operator's machine, to be put into the bucket."""

from __future__ import annotations

from pathlib import Path

import pulumi

from cluster import releases
from cluster.model import Cluster
from cluster.spec import Architecture
from components.lookups import LookupFailed
from toolchain import download
from toolchain.errors import ToolchainError


def provide(cluster: Cluster, folder: Path) -> dict[Architecture, Path]:
    """
    The file of each architecture in use, downloaded once into the folder, its SHA-256 compared.

    Raises LookupFailed.
    """
    return {each: _provide(cluster, each, folder) for each in cluster.architectures}


def _provide(cluster: Cluster, architecture: Architecture, folder: Path) -> Path:
    sha256 = cluster.k3s.sha256[architecture]
    target = folder / sha256
    if target.is_file() and download.file_sha256(target) == sha256:
        return target
    url = releases.binary_url(cluster.k3s.download_url, cluster.k3s.version, architecture)
    pulumi.log.info(f"downloading {url}")
    try:
        download.fetch(url, sha256, target, pulumi.log.info)
    except ToolchainError as error:
        raise LookupFailed(
            f"{error}\n    or check cluster.k3s.downloadUrl and version, or remove "
            "cluster.k3s.bucket so that the machines download k3s themselves"
        ) from None
    return target
