"""`python -m demo up|destroy`: what `make demo` and `make demo-destroy` run."""

from __future__ import annotations

import argparse
import sys
import time

from localcloud.errors import LocalCloudError
from toolchain import command
from toolchain.host import this_host
from toolchain.places import Places


def say(text: str) -> None:
    """In order with what pulumi prints."""
    print(text, flush=True)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    bring = commands.add_parser("up", help="bring the demo up, or up to date")
    bring.add_argument(
        "--began", type=float, help="when its preparation began, in seconds since the epoch"
    )
    commands.add_parser("destroy", help="remove everything of the demo but caches")
    return top


def act(arguments: argparse.Namespace) -> int:
    """Runs one command."""
    # What they import is in the virtual environment only; the help needs none.
    from demo.destroy import destroy
    from demo.up import up
    from localcloud.workbench.folder import Folder

    folder, host = Folder(Places()), this_host()
    if arguments.command == "destroy":
        destroy(folder, host, say)
        return 0
    now = time.time()
    up(folder, host, say, before=max(0.0, now - (arguments.began or now)))
    return 0


def main(words: list[str]) -> int:
    """Runs one command; an operator's error is one message and status 1."""
    arguments = parser().parse_args(words)
    return command.run(
        lambda: act(arguments),
        errors=(LocalCloudError,),
        interrupted="interrupted; make demo goes on where it ended",
    )


if __name__ == "__main__":
    command.end_in_order()
    sys.exit(main(sys.argv[1:]))
