"""The plugin as a process: the port on stdout, signals, and an end that does not wait."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable
from concurrent import futures
from types import FrameType
from typing import Final

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from provider.operation import ProviderEnvironment
from provider.protocol.engine import Engine
from provider.protocol.resource import Provider
from provider.protocol.servicer import Servicer
from provider.waiting import SystemClock

# Threads are started when needed. More than the engine's requests at a time, so that Cancel runs.
_MOST_REQUESTS: Final = 1024
_LONGEST_MESSAGE: Final = 400 * 1024 * 1024
_PARENT_CHECK_SECONDS: Final = 2.0


def serve(
    provider: Provider,
    engine_address: str | None,
    make: Callable[[Provider, ProviderEnvironment, Engine], Servicer] = Servicer,
) -> None:
    """Serves until the engine ends it; `make` makes the servicer."""
    engine = Engine(engine_address)
    servicer = make(provider, environment(engine), engine)
    server = Server(servicer)
    ending = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ending.set()

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    # The engine reads this, and may send a signal from then on.
    print(server.port, flush=True)
    parent = os.getppid()
    # An engine that was killed sends none: its child has another parent then.
    while not ending.wait(_PARENT_CHECK_SECONDS) and os.getppid() == parent:
        pass
    servicer.cancel()
    server.stop()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: Python would wait for threads that still wait for the network.
    os._exit(0)


class Server:
    """A gRPC server on a free port of the loopback."""

    def __init__(self, servicer: Servicer) -> None:
        self._server = grpc.server(
            futures.ThreadPoolExecutor(_MOST_REQUESTS),
            options=[
                ("grpc.max_receive_message_length", _LONGEST_MESSAGE),
                ("grpc.max_send_message_length", _LONGEST_MESSAGE),
            ],
        )
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, self._server)
        self.port: int = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def stop(self) -> None:
        """Ends after what is cancelled had a moment to report it."""
        self._server.stop(1.0).wait(2.0)


def environment(engine: Engine) -> ProviderEnvironment:
    """The clock and the randomness of this machine, and the engine."""
    return ProviderEnvironment(
        clock=SystemClock(), progress_reporter=engine, random_hex=secrets.token_hex
    )
