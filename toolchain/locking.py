"""One run at a time: two terminals must not build the same thing into the same folder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toolchain.progress import Say, ticking


@contextmanager
def alone(lock: Path, say: Say) -> Iterator[None]:
    """Holds the lock file, which the kernel lets go with the process however that ends."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with ticking("waiting for another run of this checkout", say):
                fcntl.flock(held, fcntl.LOCK_EX)
        yield
