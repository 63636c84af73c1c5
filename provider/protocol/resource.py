"""A resource type and a provider of some, as the servicer serves them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, TypeVar

from provider.errors import OperationFailed
from provider.operation import Names, Operation, Values
from provider.protocol import properties
from provider.protocol.differences import Difference
from provider.protocol.properties import Failure, Fields
from provider.protocol.values import UNKNOWN

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Created:
    """A new resource: its id, and the outputs computed besides its inputs."""

    id: str
    computed: Values


class Resource:
    """
    A resource type. Values carry no secret marks here: the servicer removes and sets them.

    Outputs are the inputs and `outputs`. A change of an input in `replaces` needs a new resource.
    `state` are the outputs so far, `changed` the names of the changed inputs (`ssh.port`).
    """

    token: ClassVar[str]
    description: ClassVar[str] = ""
    inputs: ClassVar[Fields]
    outputs: ClassVar[Fields]
    replaces: ClassVar[frozenset[str]] = frozenset()

    @property
    def all_outputs(self) -> Fields:
        return {**self.inputs, **self.outputs}

    def default_inputs(self, inputs: Values, previous: Values, name: str, seed: bytes) -> Values:
        """Inputs that the program left out, such as a generated name; before they are checked."""
        return {}

    def failures(self, inputs: Values) -> Iterator[Failure]:
        """What is wrong with the inputs."""
        return properties.failures(self.inputs, inputs)

    def observe(self, state: Values) -> None:
        """Called with each resource of the stack that the engine shows to the plugin."""

    def reject_update(self, changed: Names, inputs: Values, state: Values) -> str | None:
        """Why the changes of these top properties cannot be made; called before any is made."""
        return None

    def compared_inputs(self, previous: Values, inputs: Values, state: Values) -> Values:
        """The previous inputs, as the new ones are compared with them."""
        return previous

    def filter_diff(self, differences: Sequence[Difference]) -> Sequence[Difference]:
        """The differences that count as a change."""
        return differences

    def expired_outputs(self, state: Values, now: datetime) -> Names:
        """The outputs that the next update recomputes although no input changed."""
        return ()

    def is_replaced_by(self, difference: Difference, inputs: Values) -> bool:
        """Whether the difference needs a new resource."""
        return difference.top in self.replaces

    def is_deleted_first(self, previous_inputs: Values, inputs: Values) -> bool:
        """Whether a replacement cannot exist beside the resource it replaces."""
        return False

    def recomputed_outputs(self, changed: Names) -> Names:
        """The outputs that an update with these changes computes again."""
        return ()

    def plan_update(
        self, operation: Operation, inputs: Values, state: Values, recomputed: Names
    ) -> Values:
        """The outputs that a preview of an update shows."""
        computed = {key: UNKNOWN if key in recomputed else state.get(key) for key in self.outputs}
        return {**inputs, **computed}

    def create(self, operation: Operation, inputs: Values) -> Created:
        raise NotImplementedError

    def update(self, operation: Operation, inputs: Values, state: Values, changed: Names) -> Values:
        """The computed outputs."""
        return {key: state[key] for key in self.outputs if key in state}

    def read(self, operation: Operation, state: Values) -> Values | None:
        """The outputs that are to be set to their actual values; None when the resource is gone."""
        if not state:
            raise OperationFailed(f"{self.token} cannot be imported\n    let the program create it")
        return {}

    def read_inputs(self, inputs: Values, outputs: Values) -> Values:
        """The inputs after a read that gave these outputs."""
        return inputs

    def delete(self, operation: Operation, state: Values) -> None:
        """Removes what was created outside of the state."""


class Provider:
    """
    The resources and functions that one plugin process serves.

    `title` is its name in messages; `hint` is the advice that follows an unknown token.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    description: ClassVar[str]
    title: ClassVar[str]
    hint: ClassVar[str] = ""
    resources: Sequence[Resource]
    functions: Mapping[str, Callable[[Values], Values]] = {}

    def configure(self, configuration: Values, cancelled: threading.Event) -> None:
        """Called with the provider's configuration before its resources are."""

    def explain(self, error: Exception, subject: str) -> str | None:
        """The message for an error that an operator can cause; None for a bug of ours."""
        return None

    def resource(self, token: str) -> Resource:
        found = {each.token: each for each in self.resources}
        return _named(found, token, self, "resource type")

    def function(self, token: str) -> Callable[[Values], Values]:
        return _named(self.functions, token, self, "function")


def _named(found: Mapping[str, T], token: str, provider: Provider, kind: str) -> T:
    if token not in found:
        known = "\n    ".join(sorted(found))
        raise OperationFailed(
            f'{provider.title} has no {kind} "{token}"\n    it has\n    {known}{provider.hint}'
        )
    return found[token]
