"""The plugin's process: prints its port for the engine, answers until it is told to end."""

from __future__ import annotations

import argparse
import signal
import sys
from concurrent import futures
from types import FrameType

import grpc
from pulumi.runtime.proto.provider_pb2_grpc import add_ResourceProviderServicer_to_server

from localcloud.aws_plugin.servicer import Plugin

# The engine asks for many resources at once, and an instance waits for its machine.
THREADS = 64
LARGEST_MESSAGE = 400 * 1024 * 1024


def parser() -> argparse.ArgumentParser:
    """The command line, which is the engine's."""
    top = argparse.ArgumentParser(prog="python -m localcloud.aws_plugin", description=__doc__)
    top.add_argument("engine", nargs="?", help="the engine's address, which is not used")
    for name in ("--logtostderr", "-v", "--tracing"):
        kind = "store_true" if name == "--logtostderr" else "store"
        top.add_argument(name, action=kind, help="given by the engine, and not used")
    return top


def serve() -> None:
    """Serves one provider on loopback."""
    options = [("grpc.max_receive_message_length", LARGEST_MESSAGE)]
    server = grpc.server(futures.ThreadPoolExecutor(THREADS), options=options)
    add_ResourceProviderServicer_to_server(Plugin(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()

    def end(number: int, frame: FrameType | None) -> None:
        server.stop(0)

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    parser().parse_args(sys.argv[1:])
    serve()
