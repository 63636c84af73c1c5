"""
The files that a configuration names, from the project's folder and from nowhere else.

Who may change a stack file would otherwise read any file of the machine that runs the program: its
content is in the preview.
"""

from __future__ import annotations

import errno
import stat
from collections.abc import Callable
from pathlib import Path

LONGEST = 1024 * 1024
"""The largest file that is read, in bytes; the API of Kubernetes takes no larger object."""


def reader(folder: Path) -> Callable[[str], str]:
    """
    A function that returns the text of a file below the folder.

    It raises OSError with the reason as its `strerror`, and ValueError for a text that is not
    UTF-8. A path that leads outside is rejected before the file is looked at, so that no message
    tells which files exist.
    """
    root = folder.resolve()

    def read(name: str) -> str:
        path = _below(root, name)
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
        if len(content) > LONGEST:
            raise OSError(errno.EFBIG, f"it has more than {LONGEST} bytes")
        return content.decode()

    return read


def _below(root: Path, name: str) -> Path:
    given = Path(name)
    if given.is_absolute() or ".." in given.parts:
        raise OSError(errno.EACCES, 'it is not a path in the project\'s folder, without ".."')
    if any(part.startswith(".") for part in given.parts):
        # Such as .git/config, where a checkout may leave its credentials.
        raise OSError(errno.EACCES, "it is a hidden file, or in a hidden folder")
    try:
        path = (root / given).resolve()
    except (ValueError, RuntimeError):  # a zero byte; symbolic links in a circle
        raise OSError(errno.EINVAL, "it is not a valid path") from None
    if not path.is_relative_to(root):
        raise OSError(errno.EACCES, "it leads out of the project's folder")
    if any(part.startswith(".") for part in path.relative_to(root).parts):
        raise OSError(errno.EACCES, "it leads to a hidden file, or into a hidden folder")
    return path
