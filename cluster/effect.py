"""What a change does to a node that runs; the weakest first."""

from __future__ import annotations

from enum import IntEnum


class Effect(IntEnum):
    """
    NONE: nothing happens to the machine. IN_PLACE: applied to the running machine, where k3s may
    restart. RESTART: the machine stops and starts with its disk and its addresses. REPLACE: a new
    machine in place of the old one.
    """

    NONE = 0
    IN_PLACE = 1
    RESTART = 2
    REPLACE = 3

    @property
    def label(self) -> str:
        """As documentation and messages write it."""
        return self.name.lower().replace("_", " ")
