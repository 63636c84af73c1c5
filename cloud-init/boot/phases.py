"""The phases of a boot: name, condition and action."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from boot.machine import Machine


@dataclass(frozen=True)
class Phase:
    """One step of the boot, run on machines for which `applies` is true."""

    name: str
    run: Callable[[Machine], None]
    applies: Callable[[Machine], bool] = lambda machine: True


def run(phases: Iterable[Phase], machine: Machine) -> None:
    for phase in phases:
        if phase.applies(machine):
            with machine.report.phase(phase.name):
                phase.run(machine)
