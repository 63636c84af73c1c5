"""
The local clouds of tests that were killed: removed by the next run.

Each stands in a temporary folder of its own, and its networks have ranges that the next run needs.
`python -m tests.localcloud.leftovers` removes them too.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from localcloud.errors import LocalCloudError
from localcloud.lifecycle import Cloud
from localcloud.workbench import orphans
from toolchain import command, docker_engine
from toolchain.places import Places

# One file for each cloud, with its home; the process that uses it holds a lock on it, which the
# kernel releases however that process ends.
FOLDER = Places().local / "tests"


@contextmanager
def remembered(home: Path, folder: Path = FOLDER) -> Iterator[None]:
    """While the block lasts, the cloud of this home is somebody's; what nobody has is removed."""
    remove(folder)
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / hashlib.sha256(str(home).encode()).hexdigest()[:16]
    with note.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write(str(home))
        held.flush()
        yield
        note.unlink()


def remove(folder: Path = FOLDER) -> list[Path]:
    """Removes every cloud whose tests have ended without doing so; their homes."""
    removed = []
    for note in sorted(folder.glob("*")):
        with note.open("r+") as held:
            text = held.read() if _is_free(held) else ""
            if not text:
                continue
            home = Path(text)
            print(f"the local cloud of {home}, left by tests that were killed, is removed")
            orphans.end(home.parent / "pulumi-home", engines=True)
            Cloud(home).stop(print)
            note.unlink()
            removed.append(home)
    return removed


def _is_free(note: IO[str]) -> bool:
    try:
        fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def act() -> int:
    if docker_engine.ask().version:
        remove()
    return 0


def main(words: list[str]) -> int:
    name = "python -m tests.localcloud.leftovers"
    argparse.ArgumentParser(prog=name, description=__doc__).parse_args(words)
    return command.run(act, errors=(LocalCloudError,))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
