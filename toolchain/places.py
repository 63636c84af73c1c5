"""Where the toolchain keeps what it fetched or built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Places:
    """The folders of one checkout; nothing outside `.local/` is written."""

    root: Path = ROOT

    @property
    def local(self) -> Path:
        """Everything that is made here and never committed."""
        return self.root / ".local"

    @property
    def venv(self) -> Path:
        """The virtual environment of the program, the local cloud and the checks."""
        return self.local / "venv"

    @property
    def toolchain(self) -> Path:
        """The Pulumi CLI, its stamp, and the logs of what was built."""
        return self.local / "toolchain"

    @property
    def pulumi_bin(self) -> Path:
        """The folder of the Pulumi CLI that was installed or built here."""
        return self.toolchain / "bin"

    @property
    def docker(self) -> Path:
        """Log, process id and record of a Docker Engine this checkout started."""
        return self.local / "docker"

    @property
    def k3s(self) -> Path:
        """The k3s binaries."""
        return self.local / "k3s"

    @property
    def cloud(self) -> Path:
        """The files of the demo's local cloud."""
        return self.local / "cloud"
