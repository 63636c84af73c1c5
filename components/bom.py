"""The bill of materials of a cluster, joined from its machines, AWS and the installed packages."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pulumi

from cluster import bom
from cluster.model import Cluster
from components import lookups
from components.bucket import Bucket
from components.machine import Machine

REQUIREMENTS = Path(__file__).parent.parent / "requirements.in"


def of(
    cluster: Cluster,
    machines: Sequence[Machine],
    boot_program: Mapping[str, str],
    bucket: Bucket | None,
    via: pulumi.InvokeOptions | None = None,
) -> pulumi.Output[dict[str, Any]]:
    """
    The `bom` output; `machines` are in the order of the cluster's nodes.

    An image is the one a machine runs on, which may be older than the one a new machine would get.
    """

    def join(known: dict[str, Any]) -> dict[str, Any]:
        ids = known["images"]
        return bom.of(
            cluster,
            bom.Parts(
                project=pulumi.get_project(),
                boot_program=boot_program,
                bucket=known["bucket"],
                image_ids=ids,
                # Which image it is stands only here, and a refusal must not end the program.
                image_names={each: lookups.image_name(each, via) for each in dict.fromkeys(ids)},
                tools=tools(),
            ),
        )

    return pulumi.Output.all(
        images=[machine.instance.ami for machine in machines],
        bucket=bucket.bucket_name if bucket else None,
    ).apply(join)


def tools() -> dict[str, str | None]:
    """Python's version, and that of each package the program asks for itself."""
    packages = sorted(re.findall(r"^([\w.-]+)(?:\[.*\])?==", REQUIREMENTS.read_text(), re.M))
    return {"python": platform.python_version(), **{each: _version(each) for each in packages}}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
