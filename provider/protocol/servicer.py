"""
The provider protocol (pulumi's provider.proto) for the resource types of a provider.

Handles secrets, unknowns, previews and gRPC; what a resource does is its own module's business.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from provider.errors import OperationFailed, ProviderError
from provider.operation import Operation, ProviderEnvironment, Values
from provider.protocol import differences, properties, schema, values
from provider.protocol.differences import Difference, Path
from provider.protocol.engine import Engine
from provider.protocol.errors import PartialFailureError, redactor, translate_errors
from provider.protocol.resource import Provider, Resource

_EMPTY: Final = empty_pb2.Empty()
# The output with the paths of the inputs of an incomplete update; the engine does not display it.
_INCOMPLETE_UPDATE: Final = "__incompleteUpdate"


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """One plugin process: serves every resource of the provider in the stack, many at a time."""

    def __init__(
        self, provider: Provider, environment: ProviderEnvironment, engine: Engine
    ) -> None:
        self.provider = provider
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
        return _EMPTY

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=self.provider.version)

    def GetSchema(self, request: Any, context: Any) -> Any:
        return provider_pb2.GetSchemaResponse(schema=schema.render(self.provider))

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:
        self.provider.configure(_unwrapped(request.args), self._cancelled)
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, acceptResources=True, supportsPreview=True
        )

    def Cancel(self, request: Any, context: Any) -> Any:
        self.cancel()
        return _EMPTY

    @translate_errors
    def Invoke(self, request: Any, context: Any) -> Any:
        found = self.provider.function(request.tok)(_unwrapped(request.args))
        return provider_pb2.InvokeResponse(**{"return": values.encode(found)})

    @translate_errors
    def Check(self, request: Any, context: Any) -> Any:
        resource, given = self._resource(request), values.decode(request.news)
        inputs, previous = values.unwrap_secrets(given), _unwrapped(request.olds)
        given |= resource.default_inputs(inputs, previous, request.name, request.randomSeed)
        secrets = properties.secrets_of(resource.inputs)
        return provider_pb2.CheckResponse(
            inputs=values.encode(values.mark_secrets(given, secrets)),
            failures=[
                provider_pb2.CheckFailure(property=each.path, reason=each.reason)
                for each in resource.failures(inputs)
            ],
        )

    @translate_errors
    def Diff(self, request: Any, context: Any) -> Any:
        update = _Update(self._resource(request), request, self._environment)
        resource = update.resource
        resource.observe(update.state)
        tops = {each.top for each in update.differences}
        if rejection := resource.reject_update(tops, update.inputs, update.state):
            raise OperationFailed(rejection)
        return _diff(update)

    @translate_errors
    def Create(self, request: Any, context: Any) -> Any:
        resource, given = self._resource(request), values.decode(request.properties)
        if request.preview:
            outputs = {**given, **dict.fromkeys(resource.outputs, values.UNKNOWN)}
            return provider_pb2.CreateResponse(properties=_encode(resource, given, outputs))
        created = resource.create(self._operation(request), values.unwrap_secrets(given))
        outputs = {**given, **created.computed}
        resource.observe(values.unwrap_secrets(outputs))
        return provider_pb2.CreateResponse(
            id=created.id, properties=_encode(resource, given, outputs)
        )

    @translate_errors
    def Update(self, request: Any, context: Any) -> Any:
        update = _Update(self._resource(request), request, self._environment)
        resource, changed = update.resource, frozenset(each.name for each in update.differences)
        operation = self._operation(request, update.previous_inputs)
        if request.preview:
            again = {*resource.recomputed_outputs(changed), *update.expired}
            outputs = resource.plan_update(operation, update.inputs, update.state, again)
        else:
            try:
                computed = resource.update(operation, update.inputs, update.state, changed)
            except ProviderError as error:
                raise update.incomplete(error) from error
            outputs = {**update.inputs, **computed}
            resource.observe(outputs)
        return provider_pb2.UpdateResponse(properties=_encode(resource, update.given, outputs))

    @translate_errors
    def Read(self, request: Any, context: Any) -> Any:
        resource, given = self._resource(request), values.decode(request.properties)
        inputs = values.decode(request.inputs)
        previous = values.unwrap_secrets(inputs)
        operation = self._operation(request, previous)
        found = resource.read(operation, values.unwrap_secrets(given))
        if found is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=request.id,
            properties=_encode(resource, given, {**given, **found}),
            inputs=_encode(resource, inputs, resource.read_inputs(previous, found)),
        )

    @translate_errors
    def Delete(self, request: Any, context: Any) -> Any:
        self._resource(request).delete(self._operation(request), _unwrapped(request.properties))
        return _EMPTY

    def _resource(self, request: Any) -> Resource:
        # An engine older than the field `type` gives it within the URN only.
        return self.provider.resource(request.type or request.urn.split("::")[2].split("$")[-1])

    def _operation(self, request: Any, previous_inputs: Values | None = None) -> Operation:
        return Operation(
            environment=self._environment,
            cancelled=self._cancelled,
            urn=request.urn,
            redact=redactor(self.provider, request),
            resource_id=getattr(request, "id", ""),
            previous_inputs=previous_inputs,
        )


class _Update:
    """The inputs and outputs of a Diff or an Update, and what differs."""

    def __init__(self, resource: Resource, request: Any, environment: ProviderEnvironment) -> None:
        self.resource = resource
        self.given = values.decode(request.news)
        self.state = _unwrapped(request.olds)
        given, previous = values.unwrap_secrets(self.given), _unwrapped(request.old_inputs)
        self.previous_inputs = resource.compared_inputs(previous or self.state, given, self.state)
        # The engine has set them to the previous inputs; compared with outputs they would differ.
        ignored = self.previous_inputs.keys() & set(request.ignoreChanges)
        self.inputs = {**given, **{key: self.previous_inputs[key] for key in ignored}}
        self.expired = resource.expired_outputs(self.state, environment.clock.now())
        self._request = request

    @cached_property
    def differences(self) -> list[Difference]:
        """The changed inputs, and those of an incomplete update."""
        old, new = (
            {key: each[key] for key in self.resource.inputs if key in each}
            for each in (self.previous_inputs, self.inputs)
        )
        found = {each.path: each for each in differences.between(old, new)}
        for incomplete in self.state.get(_INCOMPLETE_UPDATE, ()):
            path = _existing(tuple(incomplete), self.inputs)
            found.setdefault(path, Difference(path=path, kind="UPDATE"))
        return list(self.resource.filter_diff(list(found.values())))

    def incomplete(self, cause: ProviderError) -> PartialFailureError:
        """
        Makes the engine save the changed inputs beside the previous state.

        Without them, reverting the change would be no change, and the part applied would stay.
        """
        paths = [list(each.path) for each in self.differences]
        outputs = {**values.decode(self._request.olds), _INCOMPLETE_UPDATE: paths}
        return PartialFailureError(cause, self._request.id, outputs)


def _existing(path: Path, value: Any) -> Path:
    """The path as far as the value has it: what an incomplete update added may be gone again."""
    for depth, key in enumerate(path):
        if not isinstance(value, Mapping) or key not in value:
            return path[: max(depth, 1)]
        value = value[key]
    return path


def _diff(update: _Update) -> provider_pb2.DiffResponse:
    kinds = provider_pb2.PropertyDiff.Kind
    detailed = {
        name: provider_pb2.PropertyDiff(kind=kinds.UPDATE, inputDiff=False)
        for name in update.expired
    }
    replaces = set()
    for each in update.differences:
        replaced = update.resource.is_replaced_by(each, update.inputs)
        kind = kinds.Value(f"{each.kind}_REPLACE" if replaced else each.kind)
        detailed[each.text] = provider_pb2.PropertyDiff(kind=kind, inputDiff=True)
        replaces |= {each.top} if replaced else set()
    response = provider_pb2.DiffResponse
    return response(
        changes=response.DIFF_SOME if detailed else response.DIFF_NONE,
        diffs=sorted({*update.expired, *(each.top for each in update.differences)}),
        replaces=sorted(replaces),
        detailedDiff=detailed,
        hasDetailedDiff=True,
        deleteBeforeReplace=bool(replaces)
        and update.resource.is_deleted_first(update.previous_inputs, update.inputs),
    )


def _unwrapped(struct: Any) -> dict[str, Any]:
    unwrapped: dict[str, Any] = values.unwrap_secrets(values.decode(struct))
    return unwrapped


def _encode(resource: Resource, given: Mapping[str, Any], outputs: Mapping[str, Any]) -> Any:
    """Outputs for the engine: secret is what is declared so, and what came in so."""
    paths = [*properties.secrets_of(resource.all_outputs), *values.secret_paths(given)]
    return values.encode(values.mark_secrets(outputs, paths))
