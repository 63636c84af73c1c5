"""Speaking to the engine: a resource's progress row in `pulumi up`, and warnings."""

from __future__ import annotations

import contextlib
from typing import Final, Protocol

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

# The engine is on this machine; one that does not take a line at once is going away.
_TIMEOUT_SECONDS: Final = 2


class ProgressReporter(Protocol):
    """Says something about a resource to whoever watches the update."""

    def progress(self, urn: str, text: str) -> None: ...

    def warn(self, urn: str, text: str) -> None: ...


class Engine:
    """The engine that started the plugin, or attached to it."""

    def __init__(self, address: str | None) -> None:
        self._stub: engine_pb2_grpc.EngineStub | None = None
        if address:
            self.attach(address)

    def attach(self, address: str) -> None:
        self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))

    def progress(self, urn: str, text: str) -> None:
        """Shown in the resource's row while it works, and nowhere afterwards."""
        self._log(engine_pb2.INFO, urn, text, ephemeral=True)

    def warn(self, urn: str, text: str) -> None:
        self._log(engine_pb2.WARNING, urn, text, ephemeral=False)

    def _log(
        self, severity: engine_pb2.LogSeverity.ValueType, urn: str, text: str, *, ephemeral: bool
    ) -> None:
        if self._stub is None:
            return
        line = engine_pb2.LogRequest(severity=severity, urn=urn, message=text, ephemeral=ephemeral)
        # A line that nobody takes is no reason to fail.
        with contextlib.suppress(grpc.RpcError):
            self._stub.Log(line, timeout=_TIMEOUT_SECONDS)
