"""
Around a change of k3s on a node: the other servers are there, and the pods leave where wanted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from provider.errors import DeadlineExceeded, OperationFailed
from provider.kubernetes.api import ApiError
from provider.kubernetes.drain import Drain
from provider.operation import Operation, Values
from provider.resources.node import quorum
from provider.resources.node.node_object import open_api


def wait_for_others(operation: Operation, inputs: Values) -> None:
    """
    Before a server restarts k3s: of several, enough others have to be Ready.

    An API that does not respond is no reason against the change, which may be what repairs it.
    """
    if inputs["role"] != "server" or "join" not in inputs["nodeConfig"]["pool"]:
        return
    with contextlib.suppress(ApiError), contextlib.closing(open_api(inputs)) as api:
        quorum.wait_for_others(Drain(operation, api, inputs["nodeName"]), "changed")


@contextlib.contextmanager
def around_change(operation: Operation, inputs: Values, *, drain: bool) -> Iterator[None]:
    """
    With `drain`: cordons and drains the node before a change, and makes it schedulable afterwards.

    Also when the change fails: then the previous k3s runs. A node that an operator has cordoned
    stays so. Without `drain` only what an interrupted change has cordoned is made schedulable.
    """
    if drain:
        _call(operation, inputs, _begin, "was changed without a drain")
    try:
        yield
    except (OperationFailed, DeadlineExceeded):
        if drain:
            _call(operation, inputs, _end, "may still be cordoned")
        raise
    _call(operation, inputs, _end, "may still be cordoned")


def _call(
    operation: Operation, inputs: Values, act: Callable[[Drain, Values], None], otherwise: str
) -> None:
    name = inputs["nodeName"]
    try:
        with contextlib.closing(open_api(inputs)) as api:
            act(Drain(operation, api, name), inputs)
    except ApiError as error:
        operation.warn(f'node "{name}" {otherwise}: {error}')


def _end(drain: Drain, inputs: Values) -> None:
    node = drain.state()
    if node and node.cordoned_for_change:
        drain.retry(lambda: drain.api.uncordon(drain.node))


def _begin(drain: Drain, inputs: Values) -> None:
    # The pods of the only server have no other to go to, and the API that moves them stops too.
    if inputs["role"] == "server" and drain.retry(drain.api.number_of_servers) < 2:
        drain.operation.warn(
            f'node "{drain.node}" is not drained: it is the only server, and the API that moves '
            "its pods stops with it\n    its containers keep running while k3s restarts"
        )
        return
    node = drain.state()
    if node is None:
        return
    drain.operation.report_progress(f"{drain.node}: cordon")
    if not node.unschedulable:
        drain.retry(lambda: drain.api.cordon(drain.node, for_change=True))
    drain.evict(inputs["drainSeconds"], "changed")
