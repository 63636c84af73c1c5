"""
The programs of cloud-init/ that user data has no room for: machines receive them from a bucket of
the stack, by the hash of their content.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cluster.boot_program import compact

PROGRAMS = "programs"
"""The folder of the bucket that servers may read."""
_SOURCES = Path(__file__).parent.parent / "cloud-init"


@dataclass(frozen=True)
class StoredProgram:
    """A program by the name of its file."""

    name: str

    @cached_property
    def text(self) -> str:
        """The program, as machines receive it."""
        return compact((_SOURCES / self.name).read_text())

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def key(self) -> str:
        """Where the program lies in the bucket."""
        return f"{PROGRAMS}/{self.sha256}/{self.name}"


BACKUP, RESTORE = StoredProgram("backup.py"), StoredProgram("restore.py")
