"""A program that user data has no room for: it comes from the stack's bucket."""

from __future__ import annotations

import runpy
from collections.abc import Mapping
from pathlib import Path

from boot import files
from boot.download import Download
from boot.machine import Machine


def receive(machine: Machine, wanted: Mapping[str, str], program: Path) -> None:
    """Downloads it, unless it is there with this SHA-256."""
    if not files.has_sha256(program, wanted["sha256"]):
        part = program.with_name(f".{program.name}.part")
        Download(machine, wanted["sha256"], part).from_first([wanted["source"]], program.name)
        part.replace(program)


def run(machine: Machine, program: Path, step: str) -> None:
    """Calls one of its functions."""
    runpy.run_path(str(program))[step](machine)
