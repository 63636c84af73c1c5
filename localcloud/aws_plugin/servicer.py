"""The plugin's gRPC service: the engine's calls, answered with the resource types and look-ups."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import botocore.exceptions
import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderServicer

from localcloud.aws_plugin import VERSION
from localcloud.aws_plugin.lookups import LOOKUPS
from localcloud.aws_plugin.resources import KINDS
from localcloud.aws_plugin.resources.compute import InstanceEndedError
from localcloud.aws_plugin.resources.kind import Kind
from localcloud.aws_plugin.session import (
    CancelledError,
    ConfigurationError,
    NoSuchThingError,
    Session,
    StillWaitingError,
    is_gone,
)
from localcloud.aws_plugin.values import Values, differences, dump, is_unknown, load, secret

SUFFIX_DIGITS = 7
BUSY_SECONDS = 60.0
"""How long a deletion is tried again while AWS says that something still depends on it."""
EXPECTED = (
    botocore.exceptions.BotoCoreError,
    botocore.exceptions.ClientError,
    CancelledError,
    ConfigurationError,
    InstanceEndedError,
    NoSuchThingError,
    StillWaitingError,
)
DIFFERENCE = {
    "add": (provider_pb2.PropertyDiff.ADD, provider_pb2.PropertyDiff.ADD_REPLACE),
    "delete": (provider_pb2.PropertyDiff.DELETE, provider_pb2.PropertyDiff.DELETE_REPLACE),
    "update": (provider_pb2.PropertyDiff.UPDATE, provider_pb2.PropertyDiff.UPDATE_REPLACE),
}


class Plugin(ResourceProviderServicer):
    """One provider: a configuration and the resources made with it."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._aws = Session({}, self._cancelled)

    # Handshake stays unimplemented: what the plugin accepts is said in Configure.

    def Attach(self, request: Any, context: grpc.ServicerContext) -> Any:
        return Empty()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> Any:
        text = json.dumps(
            {"name": "aws", "version": VERSION, "description": "Stand-in of the local cloud"}
        )
        return provider_pb2.GetSchemaResponse(schema=text)

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._aws = Session(load(request.args), self._cancelled)
        return provider_pb2.ConfigureResponse(acceptSecrets=False, supportsPreview=True)

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._cancelled.set()
        return Empty()

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        lookup = LOOKUPS.get(request.tok)
        if lookup is None:
            _abort(context, _unknown("look-up", request.tok, LOOKUPS))
        found = self._said_plainly(
            context, request.tok, lambda: lookup(self._aws, load(request.args))
        )
        return provider_pb2.InvokeResponse(**{"return": dump(found)})

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        kind = self._kind(request, context)
        olds, news = load(request.olds), load(request.news)
        failures = [
            provider_pb2.CheckFailure(
                property=key,
                reason=f"the stand-in aws plugin of the local cloud does not know {key!r} of "
                f"{kind.token}; it knows {', '.join(sorted(kind.inputs))}",
            )
            for key in sorted(set(news) - kind.inputs - {"__defaults"})
        ]
        inputs = request.news
        if kind.named and kind.named not in news:
            suffix = request.randomSeed.hex()[:SUFFIX_DIGITS]
            inputs[kind.named] = olds.get(kind.named) or f"{request.name}-{suffix}"
        return provider_pb2.CheckResponse(inputs=inputs, failures=failures)

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        # What the program ignores, the engine has put back to its old value already.
        kind = self._kind(request, context)
        old, new = load(request.old_inputs), load(request.news)
        found = [
            (path, change)
            for path, change in differences(old, new)
            if not path.startswith("__defaults")
            and not (change == "delete" and path in kind.computed)
        ]
        detailed, replaces = {}, []
        for path, change in found:
            replaced = kind.replaced_by(path, new)
            detailed[path] = provider_pb2.PropertyDiff(
                kind=DIFFERENCE[change][replaced], inputDiff=True
            )
            if replaced:
                replaces.append(path.partition(".")[0].partition("[")[0])
        changes = (
            provider_pb2.DiffResponse.DIFF_SOME if found else (provider_pb2.DiffResponse.DIFF_NONE)
        )
        return provider_pb2.DiffResponse(
            changes=changes,
            replaces=sorted(set(replaces)),
            diffs=sorted({path.partition(".")[0].partition("[")[0] for path, _ in found}),
            detailedDiff=detailed,
            hasDetailedDiff=True,
            # Two of the same name cannot stand beside each other.
            deleteBeforeReplace=bool(
                replaces and kind.named and old.get(kind.named) == new.get(kind.named)
            ),
        )

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        kind, inputs = self._kind(request, context), load(request.properties)
        if request.preview:
            # What AWS will say is not known; the engine takes what is missing for that.
            return provider_pb2.CreateResponse(properties=request.properties)
        subject = f"{kind.token} {request.name}"
        id_ = self._said_plainly(context, subject, lambda: kind.create(self._aws, inputs))
        try:
            kind.finish(self._aws, id_, inputs)
            outputs = kind.read(self._aws, id_, inputs) or {}
        except EXPECTED as error:
            # It exists now: the engine has to know it, so that it can be destroyed.
            detail = provider_pb2.ErrorResourceInitFailed(
                id=id_,
                properties=dump(inputs),
                reasons=[_plain(subject, error)],
                inputs=request.properties,
            )
            _abort_with(context, _plain(subject, error), detail)
        return provider_pb2.CreateResponse(id=id_, properties=self._state(kind, inputs, outputs))

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:
        kind, known = self._kind(request, context), load(request.properties)
        inputs = load(request.inputs)
        found = self._said_plainly(
            context,
            f"{kind.token} {request.name or request.id}",
            lambda: kind.read(self._aws, request.id, {**known, **inputs}),
            gone_is_fine=True,
        )
        if found is None:
            return provider_pb2.ReadResponse()
        wanted = inputs or {key: found.get(key) for key in kind.inputs}
        actual = {key: found.get(key, value) for key, value in wanted.items()}
        return provider_pb2.ReadResponse(
            id=request.id, properties=self._state(kind, known, found), inputs=dump(actual)
        )

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:
        kind, old, new = self._kind(request, context), load(request.old_inputs), load(request.news)
        if request.preview:
            planned = kind.planned(load(request.olds), old, new)
            return provider_pb2.UpdateResponse(properties=self._planned(kind, planned))

        def change() -> Values:
            kind.update(self._aws, request.id, old or load(request.olds), new)
            return kind.read(self._aws, request.id, new) or {}

        outputs = self._said_plainly(context, f"{kind.token} {request.name}", change)
        return provider_pb2.UpdateResponse(properties=self._state(kind, new, outputs))

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        kind, known = self._kind(request, context), load(request.properties)
        subject = f"{kind.token} {request.name or request.id}"

        def still_used() -> str | None:
            try:
                kind.delete(self._aws, request.id, known)
            except botocore.exceptions.ClientError as error:
                if error.response["Error"]["Code"] in ("DependencyViolation", "DeleteConflict"):
                    return str(error.response["Error"]["Message"])
                raise
            return None

        # What depended on it may be a moment from gone; the real plugin tries again too.
        self._said_plainly(
            context,
            subject,
            lambda: self._aws.wait(subject, BUSY_SECONDS, still_used),
            gone_is_fine=True,
        )
        return Empty()

    def _kind(self, request: Any, context: grpc.ServicerContext) -> Kind:
        token = request.type or request.urn.split("::")[2].split("$")[-1]
        kind = KINDS.get(token)
        if kind is None:
            _abort(context, _unknown("resource type", token, KINDS))
        return kind

    def _state(self, kind: Kind, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> Any:
        known = {key: value for key, value in inputs.items() if not is_unknown(value)}
        return self._planned(kind, {**known, **outputs})

    @staticmethod
    def _planned(kind: Kind, state: Mapping[str, Any]) -> Any:
        marked = {key: secret(state[key]) for key in kind.secrets if state.get(key) is not None}
        return dump({**state, **marked})

    @staticmethod
    def _said_plainly(
        context: grpc.ServicerContext,
        subject: str,
        call: Callable[[], Any],
        *,
        gone_is_fine: bool = False,
    ) -> Any:
        """The call's result; an expected error ends the request with its text, no traceback."""
        try:
            return call()
        except EXPECTED as error:
            missing = isinstance(error, botocore.exceptions.ClientError) and is_gone(error)
            if gone_is_fine and missing:
                return None
            _abort(context, _plain(subject, error))


def _plain(subject: str, error: Exception) -> str:
    """What an operator reads: what it was about, and AWS's own words."""
    text = f"{subject}: {error}"
    if isinstance(error, botocore.exceptions.EndpointConnectionError):
        text += "\n    the local cloud has ended, or is another one now: make demo says what to do"
    return text


def _unknown(what: str, token: str, known: Mapping[str, Any]) -> str:
    listed = "\n    ".join(sorted(known))
    return (
        f"the stand-in aws plugin of the local cloud does not know the {what} {token}\n"
        f"    it knows\n    {listed}\n    the official plugin knows all: "
        f"pulumi plugin install resource aws {VERSION}"
    )


def _abort(context: grpc.ServicerContext, text: str) -> NoReturn:
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, text)
    raise AssertionError("abort always raises")


def _abort_with(context: grpc.ServicerContext, text: str, detail: Any) -> NoReturn:
    """Ends the request with a detail the engine understands (google.rpc.Status in a trailer)."""
    from google.rpc import status_pb2

    packed = AnyMessage()
    packed.Pack(detail)
    status = status_pb2.Status(
        code=grpc.StatusCode.FAILED_PRECONDITION.value[0], message=text, details=[packed]
    )
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    _abort(context, text)
