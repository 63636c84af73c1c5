"""`python -m localcloud.demo up|destroy`: what `make demo` and `make demo-destroy` run."""

from __future__ import annotations

import argparse
import sys

from localcloud.demo.destroy import destroy
from localcloud.demo.folder import Folder
from localcloud.demo.up import up
from localcloud.errors import LocalCloudError
from toolchain.errors import ToolchainError
from toolchain.host import this_host
from toolchain.places import Places


def say(text: str) -> None:
    """In order with what pulumi prints."""
    print(text, flush=True)


def main(words: list[str]) -> int:
    """Runs one command; an operator's error is one message and status 1."""
    parser = argparse.ArgumentParser(prog="python -m localcloud.demo", description=__doc__)
    parser.add_argument("command", choices=["up", "destroy"])
    command = {"up": up, "destroy": destroy}[parser.parse_args(words).command]
    try:
        command(Folder(Places()), this_host(), say)
    except (LocalCloudError, ToolchainError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; make demo goes on where it ended", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
