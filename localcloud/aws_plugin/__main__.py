"""The plugin's process: prints its port for the engine, serves until the engine ends it."""

from __future__ import annotations

import argparse
import sys

from localcloud.aws_plugin.aws_provider import AwsProvider
from provider.protocol.process import serve


def parser() -> argparse.ArgumentParser:
    """The command line, which is the engine's."""
    top = argparse.ArgumentParser(prog="python -m localcloud.aws_plugin", description=__doc__)
    top.add_argument("engine", nargs="?", help="the engine's address, for warnings")
    for name in ("--logtostderr", "-v", "--tracing"):
        kind = "store_true" if name == "--logtostderr" else "store"
        top.add_argument(name, action=kind, help="given by the engine, and not used")
    return top


if __name__ == "__main__":
    serve(AwsProvider(), parser().parse_args(sys.argv[1:]).engine)
