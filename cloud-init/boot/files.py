"""Files of the machine: read, compared and replaced as a whole."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any


def write(path: Path, content: str, mode: int) -> None:
    """Replaces a file in one step, never with a wider mode; an equal one is left alone."""
    if path.exists() and path.stat().st_mode & 0o777 == mode and path.read_text() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.touch(mode)
    new.chmod(mode)
    new.write_text(content)
    new.replace(path)


def read(path: Path) -> str:
    """The text of the file; empty where there is none."""
    return path.read_text() if path.exists() else ""


def sha256_of(path: Path) -> Any:
    """The hash object of the file's content, which can be updated further."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest


def has_sha256(path: Path, wanted: str) -> bool:
    """Whether there is a file with this SHA-256."""
    return path.exists() and sha256_of(path).hexdigest() == wanted
