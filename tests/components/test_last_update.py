"""The outputs of the last update are read before anything is registered, in a preview too."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs

from components import last_update
from components.lookups import LookupFailed


class Backend(pulumi.runtime.Mocks):
    """A backend that returns this, or raises it."""

    def __init__(self, found: Any) -> None:
        self.found = found
        self.calls: list[tuple[str, dict[str, object]]] = []

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, object]]:
        raise AssertionError(args.typ)

    def call(self, args: MockCallArgs) -> Any:
        self.calls.append((args.token, args.args))
        return self.found, []


def read(found: Any, *, preview: bool) -> tuple[Any, Backend]:
    backend = Backend(found)
    pulumi.runtime.set_mocks(
        backend, project="k3s-aws", stack="dev", preview=preview, organization="acme"
    )
    return last_update.read_outputs(), backend


@pytest.mark.parametrize("preview", [False, True])
def test_the_outputs_of_the_stack_itself_are_read(preview: bool) -> None:
    outputs = {"nodes": [{"pool": "servers"}]}
    found, backend = read({"outputs": outputs}, preview=preview)
    assert found == outputs
    assert backend.calls == [("pulumi:pulumi:readStackOutputs", {"name": "acme/k3s-aws/dev"})]


@pytest.mark.parametrize("found", [{}, {"outputs": None}, {"outputs": {}}])
def test_before_the_first_update_there_are_none(found: Any) -> None:
    assert read(found, preview=True)[0] == {}


def test_what_the_backend_refuses_is_an_error_with_what_to_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise Exception("invoke of pulumi:pulumi:readStackOutputs failed: no such bucket")

    monkeypatch.setattr(pulumi.runtime, "invoke", refuse)
    with pytest.raises(LookupFailed, match="no such bucket\\n    check the connection to the"):
        last_update.read_outputs()
