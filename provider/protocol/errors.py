"""Errors as gRPC statuses that the engine understands, without the secrets of the request."""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import grpc
from pulumi.runtime.proto import provider_pb2, status_pb2

from provider.display import displayed
from provider.errors import OperationFailed, ProviderError
from provider.protocol import properties, redaction, values
from provider.protocol.resource import Provider

# gRPC carries a message in a header of 8 KB.
_LONGEST_MESSAGE: Final = 4000


class PartialFailureError(Exception):
    """An operation failed after the resource was created or changed: `outputs` go to the state."""

    def __init__(self, cause: Exception, resource_id: str, outputs: Mapping[str, Any]) -> None:
        super().__init__(str(cause))
        self.cause, self.resource_id, self.outputs = cause, resource_id, outputs


@dataclass(frozen=True)
class _Status(grpc.Status):
    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, bytes], ...] = ()


def translate_errors(method: Callable[..., Any]) -> Callable[..., Any]:
    """Turns errors of a servicer's method into statuses; a bug's traceback goes to the log."""

    @functools.wraps(method)
    def call(servicer: Any, request: Any, context: Any) -> Any:
        try:
            return method(servicer, request, context)
        except Exception as error:
            cause = error.cause if isinstance(error, PartialFailureError) else error
            redact = redactor(servicer.provider, request)
            code, text = _explain(servicer.provider, request, method.__name__, cause, redact)
            text = displayed(text, redact)[:_LONGEST_MESSAGE]
            details = _details(code, text, error) if cause is not error else ()
            return context.abort_with_status(_Status(grpc.StatusCode[code], text, details))

    return call


def redactor(provider: Provider, request: Any) -> Callable[[str], str]:
    """A function that removes the request's secrets from a text: a second line of defence."""

    @functools.cache
    def redact_secrets() -> Callable[[str], str]:
        found = [each for each in provider.resources if each.token == getattr(request, "type", "")]
        declared = [path for each in found for path in properties.secrets_of(each.all_outputs)]
        strings: set[str] = set()
        for name in ("properties", "news", "olds", "old_inputs", "inputs", "args"):
            if hasattr(request, name):
                decoded = values.decode(getattr(request, name))
                strings.update(values.secret_strings(values.mark_secrets(decoded, declared)))
        return redaction.redactor(strings)

    def redact(text: str) -> str:
        return redact_secrets()(text)  # the request is decoded for the first text only

    return redact


def _explain(
    provider: Provider, request: Any, method: str, error: Exception, redact: Callable[[str], str]
) -> tuple[str, str]:
    """The name of the status and its message."""
    if isinstance(error, ProviderError):
        return error.code, str(error)
    token = request.tok if method == "Invoke" else request.type
    name = getattr(request, "name", "") or getattr(request, "id", "")
    if (text := provider.explain(error, f"{token} {name}".rstrip())) is not None:
        return OperationFailed.code, text
    trace = "".join(traceback.format_exception(error))
    print(displayed(trace, redact), file=sys.stderr, flush=True)
    return "INTERNAL", (
        f"a bug in {provider.title}: {type(error).__name__} in {method}\n"
        "    its traceback is in the plugin's log: run again with -v=9 --logtostderr"
    )


def _details(code: str, text: str, error: Any) -> tuple[tuple[str, bytes], ...]:
    """The detail with which the engine saves the outputs of a resource that failed in part."""
    failed = provider_pb2.ErrorResourceInitFailed(
        id=error.resource_id, properties=values.encode(error.outputs), reasons=[text]
    )
    status = status_pb2.Status(code=grpc.StatusCode[code].value[0], message=text)
    status.details.add().Pack(failed)
    return (("grpc-status-details-bin", status.SerializeToString()),)
