"""Expiry (k3s:index:Expiry): the time at which a cluster ends."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import ClassVar

from cluster import expiry
from provider.errors import OperationFailed
from provider.operation import Names, Operation, Values
from provider.protocol.properties import Fields, Property, at_least
from provider.protocol.resource import Created, Resource


class Expiry(Resource):
    """
    The time begins when the resource is created, and no later update moves it: expiresAt is that
    and `ttlSeconds`. It creates nothing outside of the state.

    After that time every update is refused: the machines have ended. Diff shows it as a change and
    refuses nothing, since a refresh asks it too, that of `pulumi destroy --refresh` included.
    """

    token = "k3s:index:Expiry"
    description = "The time at which a cluster ends, counted from the creation of this resource."
    inputs: ClassVar[Fields] = {
        "ttlSeconds": Property(
            "integer",
            "How long the cluster exists. A change counts from the same beginning.",
            fix="use a number of seconds",
            test=at_least(1),
        ),
    }
    outputs: ClassVar[Fields] = {
        "beganAt": Property("string", "When the time began, in RFC 3339 and UTC."),
        "expiresAt": Property("string", "When the cluster ends, in RFC 3339 and UTC."),
    }

    def create(self, operation: Operation, inputs: Values) -> Created:
        began = expiry.render(operation.environment.clock.now())
        computed = {"beganAt": began, "expiresAt": _end(began, inputs)}
        return Created(id=operation.environment.random_hex(8), computed=computed)

    def expired_outputs(self, state: Values, now: datetime) -> Names:
        return ("expiresAt",) if expiry.is_over(state.get("expiresAt"), now) else ()

    def plan_update(
        self, operation: Operation, inputs: Values, state: Values, recomputed: Iterable[str]
    ) -> Values:
        return {**inputs, **_moved(operation, inputs, state)}

    def update(self, operation: Operation, inputs: Values, state: Values, changed: Names) -> Values:
        return _moved(operation, inputs, state)


def _moved(operation: Operation, inputs: Values, state: Values) -> dict[str, str]:
    """The times with this duration. Raises OperationFailed where they or the present are over."""
    now = operation.environment.clock.now()
    if expiry.is_over(state["expiresAt"], now):
        raise OperationFailed(str(expiry.problem(state["expiresAt"])))
    began, ends = state["beganAt"], _end(state["beganAt"], inputs)
    if expiry.is_over(ends, now):
        raise OperationFailed(
            f"{expiry.KEY}: the cluster began at {began} and would have ended at {ends}\n"
            "    choose a longer one, or end the cluster with pulumi destroy"
        )
    return {"beganAt": began, "expiresAt": ends}


def _end(began: str, inputs: Values) -> str:
    parsed = expiry.parse(began)
    if parsed is None:
        raise OperationFailed(f'"{began}" is not a time of this resource')
    return expiry.render(parsed + timedelta(seconds=inputs["ttlSeconds"]))
