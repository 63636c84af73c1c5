"""
The provider protocol (pulumi's provider.proto) for the resource types of the plugin.

Knows secrets, unknowns, previews and gRPC; what a resource does is resources/' business.
"""

from __future__ import annotations

import functools
import sys
import threading
import traceback
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from cluster.errors import ClusterError
from provider import VERSION
from provider.errors import OperationFailed, ProviderError
from provider.protocol import differences, properties, schema, values
from provider.protocol.differences import Difference
from provider.protocol.engine import Engine
from provider.protocol.resource import Operation, ProviderEnvironment, Resource
from provider.resources import RESOURCES

_RESOURCES: Final[Mapping[str, Resource]] = {each.token: each for each in RESOURCES}
_NOTHING: Final = empty_pb2.Empty()
_SECRET: Final = "[secret]"
# The output with the inputs of an incomplete update; the engine displays no output of such a name.
_INCOMPLETE_UPDATE: Final = "__incompleteUpdate"
# gRPC carries a message in a header of 8 KB.
_LONGEST_MESSAGE: Final = 4000


def _translate_errors(method: Callable[..., Any]) -> Callable[..., Any]:
    """Turns what an operator can cause into a gRPC status, and a bug into a logged traceback."""

    @functools.wraps(method)
    def call(self: Servicer, request: Any, context: Any) -> Any:
        incomplete: Collection[str] = ()
        try:
            return method(self, request, context)
        except _IncompleteUpdateError as error:
            code, text, incomplete = error.cause.code, str(error.cause), error.inputs
        except ProviderError as error:
            code, text = error.code, str(error)
        except ClusterError as error:
            code, text = OperationFailed.code, str(error)
        except Exception as error:
            print(_scrubber(request)(traceback.format_exc()), file=sys.stderr, flush=True)
            code = "INTERNAL"
            text = (
                f"a fault in the k3s provider: {type(error).__name__} in {method.__name__}\n"
                "    its traceback is in the plugin's log: run again with -v=9 --logtostderr"
            )
        text = _scrubber(request)(text)[:_LONGEST_MESSAGE]
        if incomplete:
            return context.abort_with_status(_incomplete_update(code, text, incomplete, request))
        return context.abort(grpc.StatusCode[code], text)

    return call


class _IncompleteUpdateError(Exception):
    """An update failed; the changes of these inputs may have been applied in part."""

    def __init__(self, cause: ProviderError, inputs: Collection[str]) -> None:
        super().__init__(str(cause))
        self.cause, self.inputs = cause, inputs


@dataclass(frozen=True)
class _Status(grpc.Status):
    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, bytes]]


def _incomplete_update(code: str, text: str, inputs: Collection[str], request: Any) -> _Status:
    """
    Makes the engine save the inputs of the incomplete update beside the previous state.

    Without them, reverting the change would be no change, and the part applied would stay.
    """
    left = provider_pb2.ErrorResourceInitFailed(
        id=request.id, properties=request.olds, reasons=[text]
    )
    left.properties.update({_INCOMPLETE_UPDATE: sorted(inputs)})
    status = status_pb2.Status(code=grpc.StatusCode[code].value[0], message=text)
    status.details.add().Pack(left)
    told = (("grpc-status-details-bin", status.SerializeToString()),)
    return _Status(grpc.StatusCode[code], text, told)


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """One plugin process: serves every `k3s` resource of the stack, many at a time."""

    def __init__(self, environment: ProviderEnvironment, engine: Engine) -> None:
        self._environment = environment
        self._engine = engine
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Ends every wait within a moment, those to come as well."""
        self._cancelled.set()

    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True)

    def Attach(self, request: Any, context: Any) -> Any:
        self._engine.attach(request.address)
        return _NOTHING

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(self, request: Any, context: Any) -> Any:
        return provider_pb2.GetSchemaResponse(schema=schema.render(RESOURCES))

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, acceptResources=True, supportsPreview=True
        )

    def Cancel(self, request: Any, context: Any) -> Any:
        self.cancel()
        return _NOTHING

    @_translate_errors
    def Check(self, request: Any, context: Any) -> Any:
        resource, given = _resource(request), values.decode(request.news)
        news = values.unwrap_secrets(given)
        found = list(properties.failures(resource.inputs, news))
        return provider_pb2.CheckResponse(
            inputs=values.encode(
                values.mark_secrets(given, properties.secrets_of(resource.inputs))
            ),
            failures=[
                provider_pb2.CheckFailure(property=each.path, reason=each.reason) for each in found
            ],
        )

    @_translate_errors
    def Diff(self, request: Any, context: Any) -> Any:
        resource = _resource(request)
        changes = _changes(resource, request)
        known = values.unwrap_secrets(values.decode(request.olds))
        resource.observe(self._environment, known)
        tops = {each.path[0] for each in changes}
        news = values.unwrap_secrets(values.decode(request.news))
        if reject_update := resource.reject_update(tops, news, known):
            raise OperationFailed(reject_update)
        return _diff(resource, changes, self._expired_outputs(resource, request))

    @_translate_errors
    def Create(self, request: Any, context: Any) -> Any:
        resource, given = _resource(request), values.decode(request.properties)
        if request.preview:
            outputs = {**given, **dict.fromkeys(resource.outputs, values.UNKNOWN)}
            return provider_pb2.CreateResponse(properties=_outputs(resource, given, outputs))
        created = resource.create(self._operation(request), values.unwrap_secrets(given))
        outputs = {**given, **created.computed}
        resource.observe(self._environment, values.unwrap_secrets(outputs))
        return provider_pb2.CreateResponse(
            id=created.id, properties=_outputs(resource, given, outputs)
        )

    @_translate_errors
    def Update(self, request: Any, context: Any) -> Any:
        resource, given = _resource(request), values.decode(request.news)
        known = values.unwrap_secrets(values.decode(request.olds))
        changed = frozenset(each.name for each in _changes(resource, request))
        if request.preview:
            again = {
                *resource.recomputed_outputs(changed),
                *self._expired_outputs(resource, request),
            }
            computed = {
                key: values.UNKNOWN if key in again else known.get(key) for key in resource.outputs
            }
        else:
            operation = self._operation(request)
            try:
                computed = dict(
                    resource.update(operation, values.unwrap_secrets(given), known, changed)
                )
            except ProviderError as error:
                raise _IncompleteUpdateError(error, changed) from error
            resource.observe(self._environment, values.unwrap_secrets({**given, **computed}))
        return provider_pb2.UpdateResponse(
            properties=_outputs(resource, given, {**given, **computed})
        )

    @_translate_errors
    def Read(self, request: Any, context: Any) -> Any:
        resource, given = _resource(request), values.decode(request.properties)
        outputs = resource.read(self._operation(request), values.unwrap_secrets(given))
        if outputs is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=request.id, properties=_outputs(resource, given, outputs), inputs=request.inputs
        )

    @_translate_errors
    def Delete(self, request: Any, context: Any) -> Any:
        known = values.unwrap_secrets(values.decode(request.properties))
        _resource(request).delete(self._operation(request), known)
        return _NOTHING

    def _expired_outputs(self, resource: Resource, request: Any) -> Collection[str]:
        """The outputs of a Diff or an Update that have aged."""
        known = values.unwrap_secrets(values.decode(request.olds))
        return resource.expired_outputs(known, self._environment.clock.now())

    def _operation(self, request: Any) -> Operation:
        return Operation(self._environment, self._cancelled, request.urn, _scrubber(request))


def _resource(request: Any) -> Resource:
    # An engine older than the field `type` gives it within the URN only.
    token = request.type or request.urn.split("::")[2].split("$")[-1]
    if token not in _RESOURCES:
        known = ", ".join(_RESOURCES)
        raise OperationFailed(f'the k3s provider has no resource "{token}"\n    known: {known}')
    return _RESOURCES[token]


def _changes(resource: Resource, request: Any) -> list[Difference]:
    """The changed inputs of a Diff or an Update, and those of an incomplete update."""
    known = values.unwrap_secrets(values.decode(request.olds))
    olds = values.unwrap_secrets(values.decode(request.old_inputs)) or known
    news = values.unwrap_secrets(values.decode(request.news))
    before = {key: olds[key] for key in resource.inputs if key in olds}
    found = {each.name: each for each in differences.between(before, news)}
    for incomplete in known.get(_INCOMPLETE_UPDATE, ()):
        again = Difference(path=_existing(differences.parse(incomplete), news), kind="UPDATE")
        found.setdefault(again.name, again)
    return list(resource.filter_diff(list(found.values())))


def _existing(path: tuple[str, ...], values: Any) -> tuple[str, ...]:
    """The path as far as the values have it: what an incomplete update added may be gone again."""
    for depth, key in enumerate(path):
        if not isinstance(values, Mapping) or key not in values:
            return path[: max(depth, 1)]
        values = values[key]
    return path


def _diff(
    resource: Resource, changes: list[Difference], expired_outputs: Collection[str]
) -> provider_pb2.DiffResponse:
    kinds = provider_pb2.PropertyDiff.Kind
    tops = sorted({*expired_outputs, *(each.path[0] for each in changes)})
    detailed = {
        each.name: provider_pb2.PropertyDiff(
            kind=kinds.Value(
                f"{each.kind}_REPLACE" if each.path[0] in resource.replaces else each.kind
            ),
            inputDiff=True,
        )
        for each in changes
    }
    for name in expired_outputs:
        detailed[name] = provider_pb2.PropertyDiff(kind=kinds.UPDATE, inputDiff=False)
    return provider_pb2.DiffResponse(
        changes=(
            provider_pb2.DiffResponse.DIFF_SOME if tops else provider_pb2.DiffResponse.DIFF_NONE
        ),
        diffs=tops,
        replaces=[each for each in tops if each in resource.replaces],
        detailedDiff=detailed,
        hasDetailedDiff=True,
        deleteBeforeReplace=False,
    )


def _outputs(resource: Resource, given: Mapping[str, Any], outputs: Mapping[str, Any]) -> Any:
    """Outputs for the engine: secret is what is declared so, and what came in so."""
    paths = [*properties.secrets_of(resource.all_outputs), *values.secret_paths(given)]
    return values.encode(values.mark_secrets(outputs, paths))


def _scrubber(request: Any) -> Callable[[str], str]:
    """Takes the request's secrets out of a text: no message of ours should contain one anyway."""
    secrets: set[str] = set()
    resource = _RESOURCES.get(request.type)
    for name in ("properties", "news", "olds", "old_inputs", "inputs"):
        if hasattr(request, name):
            declared = properties.secrets_of(resource.all_outputs) if resource else ()
            marked = values.mark_secrets(values.decode(getattr(request, name)), declared)
            secrets.update(values.secret_texts(marked))

    def scrub(text: str) -> str:
        for each in sorted(secrets, key=len, reverse=True):
            text = text.replace(each, _SECRET)
        return text

    return scrub
