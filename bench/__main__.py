"""`python -m bench`: what `make bench` runs. Writes bench/results.json in a quarter of an hour."""

from __future__ import annotations

import argparse
import sys

from localcloud.errors import LocalCloudError
from toolchain import command
from toolchain.host import this_host
from toolchain.locking import alone
from toolchain.places import Places


def say(text: str) -> None:
    """What is measured, while it is measured."""
    print(text, flush=True)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    top.add_argument(
        "--clean",
        action="store_true",
        help="measure nothing: remove what a measurement that was killed has left",
    )
    return top


def act(arguments: argparse.Namespace) -> int:
    """Measures, prints and writes."""
    # What they import is in the virtual environment only; the help needs none.
    from bench.environment import clean
    from bench.measurement import measure
    from localcloud.workbench.folder import Folder

    folder = Folder(Places(), "bench")
    # Two at a time would measure each other, and each would remove what the other made.
    with alone(folder.path / "lock", say):
        if arguments.clean:
            clean(folder)
            return 0
        measured = measure(folder, this_host(), say)
    file = folder.places.root / "bench" / "results.json"
    file.write_text(measured.json)
    print(f"\n{measured}\n\nwritten to {file}")
    return 0


def main(words: list[str]) -> int:
    """Runs it; an operator's error is one message and status 1."""
    arguments = parser().parse_args(words)
    return command.run(
        lambda: act(arguments),
        errors=(LocalCloudError,),
        interrupted="interrupted; the next make bench removes what is left of it",
    )


if __name__ == "__main__":
    command.end_in_order()
    sys.exit(main(sys.argv[1:]))
