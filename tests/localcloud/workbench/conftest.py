"""The demo's folder on a machine of fake commands."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.workbench.folder import Folder
from localcloud.workbench.stack import Stack
from tests.toolchain.conftest import Machine, machine

__all__ = ["machine"]


@pytest.fixture
def folder(machine: Machine) -> Folder:
    """A fresh checkout's."""
    made = Folder(machine.places)
    made.path.mkdir(parents=True)
    return made


@pytest.fixture
def stack(machine: Machine, folder: Folder) -> Stack:
    """A stack whose `pulumi` is what the test makes of it."""
    return Stack(folder, {"PATH": machine.path})


@pytest.fixture
def working_pulumi() -> Iterator[int]:
    """The number of a process that is called pulumi and lives."""
    with subprocess.Popen(["pulumi", "60"], executable="/bin/sleep") as process:
        try:
            while not Path(f"/proc/{process.pid}/cmdline").read_bytes():
                time.sleep(0.001)
            yield process.pid
        finally:
            process.kill()
