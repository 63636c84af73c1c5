"""A machine made of fake commands: a PATH that holds nothing but what a test puts there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from toolchain import docker_engine, packages
from toolchain.host import Host
from toolchain.places import Places


@dataclass
class Machine:
    """Where a test's tools stand, which messages came, and which fake commands were called how."""

    folder: Path
    host: Host
    messages: list[str] = field(default_factory=list)

    @property
    def places(self) -> Places:
        return Places(self.folder / "checkout")

    @property
    def path(self) -> str:
        return str(self.folder / "bin")

    def has(self, name: str, script: str, *, folder: str = "bin") -> Path:
        """Puts a fake command there. Each call of it is noted, then the script runs."""
        file = self.folder / folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.folder}/calls\n{script}\n')
        file.chmod(0o755)
        return file

    def lacks(self, *names: str) -> None:
        for name in names:
            (self.folder / "bin" / name).unlink(missing_ok=True)

    def is_now(self, **changes: bool | str) -> None:
        self.host = replace(self.host, **changes)  # type: ignore[arg-type]

    @property
    def calls(self) -> list[str]:
        noted = self.folder / "calls"
        return noted.read_text().splitlines() if noted.exists() else []

    def say(self, text: str) -> None:
        self.messages.append(text)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A Debian machine of root's with nothing installed."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "checkout").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(packages, "SBIN", ())
    monkeypatch.setattr(docker_engine, "SBIN", ())
    host = Host(system="linux", architecture="x86_64", root=True, debian=True, systemd=False)
    return Machine(tmp_path, host)
