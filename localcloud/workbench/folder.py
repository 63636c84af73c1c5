"""Where a stack on the local cloud keeps its files."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from toolchain.places import Places

STACK = "demo"


@dataclass(frozen=True)
class Folder:
    """
    What one stack on the local cloud keeps: its configuration in the checkout, and a folder.

    The folder is `.local/<name>/` unless another is given. The demo's is called `demo`.
    """

    places: Places
    name: str = STACK
    elsewhere: Path | None = None

    @property
    def path(self) -> Path:
        """The folder itself."""
        return self.elsewhere or self.places.local / self.name

    @property
    def stack_config(self) -> Path:
        """In the root, where `pulumi preview` by hand looks for it."""
        return self.places.root / f"Pulumi.{self.name}.yaml"

    @property
    def state(self) -> Path:
        """Pulumi's file backend."""
        return self.path / "state"

    @property
    def pulumi_home(self) -> Path:
        """Plugins and credentials of this stack alone."""
        return self.path / "pulumi-home"

    @property
    def passphrase(self) -> Path:
        """The file with the passphrase of the secrets in state."""
        return self.path / "passphrase"

    @property
    def kubeconfig(self) -> Path:
        """The exported kubeconfig."""
        return self.path / "kubeconfig"

    @property
    def shell(self) -> Path:
        """What a shell reads to use the stack by hand."""
        return self.path / "env.sh"

    @property
    def bin(self) -> Path:
        """The commands that stand in for those this machine does not have, behind all others."""
        return self.path / "bin"

    @property
    def origin(self) -> Path:
        """Which local cloud holds the stack's resources, and which k3s it serves."""
        return self.path / "origin.json"

    def forget(self) -> None:
        """Removes everything but what was downloaded."""
        for folder in (self.state, self.bin):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (self.passphrase, self.kubeconfig, self.shell, self.origin, self.stack_config):
            file.unlink(missing_ok=True)
