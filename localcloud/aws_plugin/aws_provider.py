"""The resource types and lookups of the stand-in, for the servicer of provider/protocol/."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator, Sequence

import botocore.exceptions

from localcloud.aws_plugin import VERSION
from localcloud.aws_plugin.lookups import LOOKUPS
from localcloud.aws_plugin.resources import KINDS
from localcloud.aws_plugin.resources.compute import InstanceEndedError
from localcloud.aws_plugin.resources.kind import Kind
from localcloud.aws_plugin.session import (
    ConfigurationError,
    NoSuchThingError,
    Session,
    UnexpectedStateError,
    is_gone,
)
from provider.errors import ProviderError
from provider.operation import Names, Operation, Values
from provider.protocol.differences import Difference
from provider.protocol.errors import PartialFailureError
from provider.protocol.properties import Failure, Property
from provider.protocol.resource import Created, Provider, Resource

SUFFIX_DIGITS = 7
BUSY_SECONDS = 60.0
"""How long a deletion is retried while AWS reports that something still depends on it."""
BUSY = ("DependencyViolation", "DeleteConflict", "ResourceInUse")
EXPECTED = (
    botocore.exceptions.BotoCoreError,
    botocore.exceptions.ClientError,
    ConfigurationError,
    InstanceEndedError,
    NoSuchThingError,
    ProviderError,
    UnexpectedStateError,
)


class AwsProvider(Provider):
    """One configuration of the provider `aws`, and the resources created with it."""

    name = "aws"
    version = VERSION
    description = "Stand-in of the local cloud"
    title = "the stand-in aws plugin of the local cloud"
    hint = f"\n    the official plugin has all: pulumi plugin install resource aws {VERSION}"

    def __init__(self) -> None:
        self.session = Session({})
        self.resources = [KindResource(kind, self) for kind in KINDS.values()]
        self.functions = {
            token: functools.partial(lambda lookup, args: lookup(self.session, args), lookup)
            for token, lookup in LOOKUPS.items()
        }

    def configure(self, configuration: Values, cancelled: threading.Event) -> None:
        self.session = Session(configuration, cancelled)

    def explain(self, error: Exception, subject: str) -> str | None:
        if not isinstance(error, EXPECTED):
            return None
        text = f"{subject}: {error}"
        if isinstance(error, botocore.exceptions.EndpointConnectionError):
            text += "\n    the local cloud has ended or was replaced; make demo shows what to do"
        return text


class KindResource(Resource):
    """A resource type of the stand-in."""

    def __init__(self, kind: Kind, provider: AwsProvider) -> None:
        self._kind = kind
        self._provider = provider
        self.token = kind.token  # type: ignore[misc] # of the class, elsewhere
        self.inputs = {  # type: ignore[misc]
            key: Property(kind="any", description="", secret=key in kind.secrets, optional=True)
            for key in sorted(kind.inputs)
        }
        self.outputs = {}  # type: ignore[misc]

    def default_inputs(self, inputs: Values, previous: Values, name: str, seed: bytes) -> Values:
        if not self._kind.named or self._kind.named in inputs:
            return {}
        generated = f"{name}-{seed.hex()[:SUFFIX_DIGITS]}"
        return {self._kind.named: previous.get(self._kind.named) or generated}

    def compared_inputs(self, previous: Values, inputs: Values, state: Values) -> Values:
        return self._kind.compared(previous, inputs, state)

    def failures(self, inputs: Values) -> Iterator[Failure]:
        for key in sorted(inputs.keys() - self._kind.inputs - {"__defaults"}):
            yield Failure(
                path=key,
                reason=f"{self._provider.title} does not support {key!r} of {self.token}; it "
                f"supports {', '.join(self.inputs)}",
            )
        for key, other in self._kind.conflicts.items():
            if inputs.get(key) is not None and inputs.get(other) is not None:
                yield Failure(path=key, reason=f"{key} conflicts with {other}")
        for key, reason in self._kind.faults(inputs):
            yield Failure(path=key, reason=reason)

    def filter_diff(self, differences: Sequence[Difference]) -> Sequence[Difference]:
        # The engine has set inputs under `ignore_changes` to their previous values already.
        computed = self._kind.computed
        return [each for each in differences if each.kind != "DELETE" or each.text not in computed]

    def is_replaced_by(self, difference: Difference, inputs: Values) -> bool:
        return self._kind.replaced_by_difference(difference, inputs)

    def is_deleted_first(self, previous_inputs: Values, inputs: Values) -> bool:
        # AWS does not allow two of the same name.
        named = self._kind.named
        return bool(named and previous_inputs.get(named) == inputs.get(named))

    def plan_update(
        self, operation: Operation, inputs: Values, state: Values, recomputed: Names
    ) -> Values:
        return self._kind.planned(dict(state), operation.previous_inputs or {}, inputs)

    def create(self, operation: Operation, inputs: Values) -> Created:
        aws = self._provider.session
        id_ = self._kind.create(aws, inputs)
        try:
            self._kind.finish(aws, id_, inputs)
            return Created(id=id_, computed=self._kind.read(aws, id_, inputs) or {})
        except EXPECTED as error:
            # It exists: the engine has to record it, so that it can be destroyed.
            raise PartialFailureError(error, id_, inputs) from error

    def read(self, operation: Operation, state: Values) -> Values | None:
        known = {**state, **(operation.previous_inputs or {})}
        try:
            return self._kind.read(self._provider.session, operation.resource_id, known)
        except botocore.exceptions.ClientError as error:
            if is_gone(error):
                return None
            raise

    def read_inputs(self, inputs: Values, outputs: Values) -> Values:
        wanted = inputs or {key: outputs.get(key) for key in self.inputs}
        return {key: outputs.get(key, value) for key, value in wanted.items()}

    def update(self, operation: Operation, inputs: Values, state: Values, changed: Names) -> Values:
        aws, id_ = self._provider.session, operation.resource_id
        self._kind.update(aws, id_, operation.previous_inputs or state, inputs)
        return self._kind.read(aws, id_, inputs) or {}

    def delete(self, operation: Operation, state: Values) -> None:
        aws = self._provider.session

        def dependents() -> str | None:
            try:
                self._kind.delete(aws, operation.resource_id, state)
            except botocore.exceptions.ClientError as error:
                if is_gone(error):
                    return None
                if error.response["Error"]["Code"] in BUSY:
                    return str(error.response["Error"]["Message"])
                raise
            return None

        # A dependent may be a moment from deleted; the real plugin retries too.
        aws.wait(f"{self.token} {operation.resource_id}", BUSY_SECONDS, dependents)
