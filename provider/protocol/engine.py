"""The engine as the plugin calls it: progress rows and warnings in the output of `pulumi up`."""

from __future__ import annotations

import contextlib
from typing import Final

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

# The engine is on this machine; one that does not accept a line at once is about to exit.
_TIMEOUT_SECONDS: Final = 2


class Engine:
    """The engine that started the plugin, or attached to it: a ProgressReporter."""

    def __init__(self, address: str | None) -> None:
        self._stub: engine_pb2_grpc.EngineStub | None = None
        self.address: str | None = None
        if address:
            self.attach(address)

    def attach(self, address: str) -> None:
        self.address = address
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
        # A line that is not accepted is no reason to fail.
        with contextlib.suppress(grpc.RpcError):
            self._stub.Log(line, timeout=_TIMEOUT_SECONDS)
