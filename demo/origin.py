"""
Which local cloud holds the stack's resources.

A local cloud keeps its state in memory: when its daemon ends, what Pulumi remembers is gone.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from localcloud.workbench.folder import Folder
from toolchain.k3s import K3s

IDENTITY = ("id", "pid", "endpoint")


def remember(folder: Folder, running: Mapping[str, Any], k3s: K3s) -> None:
    """Notes the cloud that runs and the k3s it serves."""
    content = {
        "cloud": {key: running[key] for key in IDENTITY},
        "k3s": dataclasses.asdict(k3s) | {"path": str(k3s.path)},
    }
    folder.origin.write_text(json.dumps(content, indent=2) + "\n")


def is_same(folder: Folder, running: Mapping[str, Any] | None) -> bool:
    """Whether the cloud that runs is the one that was noted."""
    noted = _noted(folder).get("cloud")
    return running is not None and noted == {key: running[key] for key in IDENTITY}


def k3s_kind(folder: Folder) -> str | None:
    """Which kind of k3s was used, if any was noted."""
    kind = _noted(folder).get("k3s", {}).get("kind")
    return str(kind) if kind else None


def _noted(folder: Folder) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(folder.origin.read_text())
    except (OSError, ValueError):
        return {}
    return content
