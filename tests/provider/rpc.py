"""The engine's side of the provider protocol, over gRPC on loopback."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakSet

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from provider.operation import ProviderEnvironment
from provider.protocol import values
from provider.protocol.engine import Engine
from provider.protocol.process import Server
from provider.protocol.servicer import Servicer
from provider.resources import K3sProvider
from provider.waiting import Clock

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


class FastClock:
    """
    A clock that goes as fast as it is waited on: a wait takes five real milliseconds.

    Calls are real, and slow on a busy machine: the first wait for one takes as long as an answer
    may need, so that only what stays silent comes nearer to its deadline.
    """

    def __init__(self) -> None:
        self._seconds = 0.0
        self._lock = threading.Lock()
        self._waited_for: WeakSet[threading.Event] = WeakSet()

    def monotonic(self) -> float:
        return self._seconds

    def now(self) -> datetime:
        return NOW

    def wait(self, event: threading.Event, seconds: float) -> bool:
        # A Wait looks at a call that is under way in slices; pauses are longer.
        with self._lock:
            first = seconds < 0.5 and event not in self._waited_for
            self._waited_for.add(event)
        if event.wait(0.4 if first else 0.005):
            return True
        with self._lock:
            self._seconds += seconds
        return False


class AheadClock(FastClock):
    """The real time, as a certificate's validity is, and as many days as one likes."""

    def __init__(self) -> None:
        super().__init__()
        self.days = 0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=self.days)


class Recorder:
    """The progress and the warnings that the engine would show."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []
        self.warnings: list[str] = []

    @property
    def progress_lines(self) -> list[str]:
        return [text for _, text in self.rows]

    def progress(self, urn: str, text: str) -> None:
        self.rows.append((urn, text))

    def warn(self, urn: str, text: str) -> None:
        self.warnings.append(text)


class Failed(Exception):  # noqa: N818 - reads as the fact it states
    """The plugin answered with an error; `left` are the outputs that the engine saves with it."""

    def __init__(self, code: str, text: str, left: dict[str, Any] | None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.left = left


def urn_of(token: str) -> str:
    return f"urn:pulumi:dev::k3s-aws::k3s:aws:Machine${token}::demo"


class Rpc:
    """Calls a servicer; properties go in with their secret marks and come back with them."""

    def __init__(
        self,
        clock: Clock,
        boot_program: Mapping[str, str] | None = None,
        random_hex: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        self.reported = Recorder()
        environment = ProviderEnvironment(
            clock=clock,
            progress_reporter=self.reported,
            random_hex=random_hex,
        )
        self._server = Server(
            Servicer(
                K3sProvider(lambda: boot_program or {"__main__.py": ""}), environment, Engine(None)
            )
        )
        self._channel = grpc.insecure_channel(f"127.0.0.1:{self._server.port}")
        self.stub: Any = provider_pb2_grpc.ResourceProviderStub(self._channel)

    def close(self) -> None:
        self.cancel()
        self._channel.close()
        self._server.stop()

    def check(self, token: str, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        answer = self._call(
            "Check", provider_pb2.CheckRequest(**_named(token), news=values.encode(inputs))
        )
        return values.decode(answer.inputs), {
            each.property: each.reason for each in answer.failures
        }

    def diff(
        self,
        token: str,
        old: Mapping[str, Any],
        new: Mapping[str, Any],
        known: Mapping[str, Any] | None = None,
    ) -> Any:
        request = provider_pb2.DiffRequest(
            **_named(token),
            id="id",
            olds=values.encode(old if known is None else known),
            old_inputs=values.encode(old),
            news=values.encode(new),
        )
        return self._call("Diff", request)

    def create(
        self, token: str, inputs: Mapping[str, Any], *, preview: bool = False
    ) -> tuple[str, dict[str, Any]]:
        request = provider_pb2.CreateRequest(
            **_named(token), properties=values.encode(inputs), preview=preview
        )
        answer = self._call("Create", request)
        return answer.id, values.decode(answer.properties)

    def update(
        self,
        token: str,
        known: Mapping[str, Any],
        old: Mapping[str, Any],
        new: Mapping[str, Any],
        *,
        preview: bool = False,
    ) -> dict[str, Any]:
        request = provider_pb2.UpdateRequest(
            **_named(token),
            id="id",
            olds=values.encode(known),
            old_inputs=values.encode(old),
            news=values.encode(new),
            preview=preview,
        )
        return values.decode(self._call("Update", request).properties)

    def read(
        self, token: str, known: Mapping[str, Any], inputs: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        request = provider_pb2.ReadRequest(
            **_named(token),
            id="id",
            properties=values.encode(known),
            inputs=values.encode(inputs),
        )
        answer = self._call("Read", request)
        return values.decode(answer.properties) if answer.id else None

    def delete(self, token: str, known: Mapping[str, Any]) -> None:
        request = provider_pb2.DeleteRequest(
            **_named(token), id="id", properties=values.encode(known)
        )
        self._call("Delete", request)

    def cancel(self) -> None:
        self.stub.Cancel(empty_pb2.Empty())

    def _call(self, method: str, request: Any) -> Any:
        try:
            return getattr(self.stub, method)(request, timeout=30)
        except grpc.RpcError as error:
            failed: Any = error
            raise Failed(failed.code().name, failed.details(), _left(failed)) from None


@contextlib.contextmanager
def plugin(clock: Clock, boot_program: Mapping[str, str] | None = None) -> Iterator[Rpc]:
    """A running servicer."""
    rpc = Rpc(clock, boot_program)
    try:
        yield rpc
    finally:
        rpc.close()


def _left(failed: Any) -> dict[str, Any] | None:
    details = dict(failed.trailing_metadata()).get("grpc-status-details-bin")
    if details is None:
        return None
    status, left = status_pb2.Status.FromString(details), provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(left)
    assert list(left.reasons) == [failed.details()] == [status.message]
    assert left.id == "id"
    return values.decode(left.properties)


def _named(token: str) -> Any:
    return {"urn": urn_of(token), "type": token, "name": "demo"}
