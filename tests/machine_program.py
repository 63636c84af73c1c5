"""Lets tests import the programs of a machine as it gets them: rendered, in a folder."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from cluster import boot_program
from cluster.stored_programs import BACKUP, RESTORE

# Removed when Python ends.
_FOLDER = tempfile.TemporaryDirectory(prefix="boot-program-")


def install() -> None:
    """Writes the modules, and puts their folder before every other one in the path."""
    package = Path(_FOLDER.name) / "boot"
    package.mkdir()
    for path, text in boot_program.modules().items():
        (package / path).write_text(text)
    for each in (BACKUP, RESTORE):
        (package.parent / each.name).write_text(each.text)
    sys.path.insert(0, _FOLDER.name)
