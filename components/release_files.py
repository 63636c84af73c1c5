"""The k3s files of the configured release on the operator's machine, to be put into the bucket."""

from __future__ import annotations

import hashlib
import shutil
import urllib.request
from pathlib import Path

import pulumi

from cluster import releases
from cluster.model import Architecture, Cluster
from components.lookups import LookupFailed

FOLDER = Path(".local/k3s-releases")
ANSWER_SECONDS = 30


def provide(cluster: Cluster) -> dict[Architecture, Path]:
    """
    The file of each architecture in use, downloaded once and compared with its SHA-256.

    Raises LookupFailed.
    """
    in_use = dict.fromkeys(cluster.architecture_of(pool) for pool in cluster.all_pools)
    return {each: _provide(cluster, each) for each in in_use}


def _provide(cluster: Cluster, architecture: Architecture) -> Path:
    sha256 = cluster.k3s.sha256[architecture]
    target = FOLDER / sha256
    if target.is_file() and _digest(target) == sha256:
        return target
    url = releases.binary_url(cluster.k3s.download_url, cluster.k3s.version, architecture)
    pulumi.log.info(f"downloading {url}")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer, part.open("wb") as file:  # noqa: S310 - the configuration's, http or https
            shutil.copyfileobj(answer, file, 1 << 20)
    except OSError as error:
        raise LookupFailed(
            f"k3s cannot be downloaded from {url}: {error}\n"
            "    check cluster.k3s.downloadUrl and version, or remove cluster.k3s.bucket so that "
            "the machines download it themselves"
        ) from None
    if (found := _digest(part)) != sha256:
        part.unlink()
        raise LookupFailed(
            f"{url} has SHA-256 {found}, expected {sha256}\n"
            "    do not use it before you know why; see cluster.k3s.sha256"
        )
    return part.replace(target)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
