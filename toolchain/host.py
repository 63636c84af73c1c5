"""What kind of machine this is."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from toolchain.errors import ToolchainError

Architecture = Literal["x86_64", "arm64"]
ARCHITECTURES: Mapping[str, Architecture] = {
    "x86_64": "x86_64",
    "amd64": "x86_64",
    "aarch64": "arm64",
    "arm64": "arm64",
}
PULUMI_NAMES = {"x86_64": "x64", "arm64": "arm64"}
GO_NAMES: Mapping[Architecture, str] = {"x86_64": "amd64", "arm64": "arm64"}


@dataclass(frozen=True, kw_only=True)
class Host:
    """The machine the commands run on."""

    system: str  # "linux", "darwin"
    architecture: Architecture
    root: bool
    debian: bool  # packages come from apt-get
    systemd: bool  # services are started by it

    @property
    def pulumi_platform(self) -> str:
        """As Pulumi's releases spell it."""
        return f"{self.system}-{PULUMI_NAMES[self.architecture]}"


def this_host(root: Path = Path("/")) -> Host:
    """The machine we run on. Raises ToolchainError on an architecture nothing is made for."""
    machine = platform.machine().lower()
    if machine not in ARCHITECTURES:
        raise ToolchainError(f'architecture "{machine}" is neither x86_64 nor arm64')
    return Host(
        system=sys.platform,
        architecture=ARCHITECTURES[machine],
        root=os.geteuid() == 0,
        debian=(root / "etc/debian_version").exists(),
        systemd=(root / "run/systemd/system").is_dir(),
    )
