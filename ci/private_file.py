"""A file that only its owner may read, from its first byte."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ci.errors import PipelineError


def write(path: Path, text: str) -> None:
    """
    Puts a new file in the place of whatever is there, complete or not at all, with mode 0600.

    Raises PipelineError, also where a link, a device or a folder is there: to root, /dev/null could
    be replaced like any other file.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise PipelineError(f"{path} is there and not a regular file\n    choose another one")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp creates it with mode 0600, whatever the umask; os.replace keeps that.
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink()
            raise
    except OSError as error:
        raise PipelineError(
            f"{path} cannot be written: {error.strerror}\n"
            "    choose another file: --kubeconfig PATH"
        ) from None
