"""
Taking a node out of the cluster: cordon, move its pods, delete the Node object.

Deleting must never depend on the cluster: what can not be done is told and left behind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from provider.errors import DeadlineExceeded
from provider.kubernetes.api import Api, ApiError, Pod
from provider.protocol.resource import Operation
from provider.waiting import Wait

T = TypeVar("T")
# So long an API that does not answer is asked again.
RETRY_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 1.0


class Drain:
    """The removal of one node. Raises ApiError when the API stays away."""

    def __init__(self, operation: Operation, api: Api, node: str) -> None:
        self._operation = operation
        self._api = api
        self._node = node

    def remove(self, seconds: float) -> None:
        """Removes the Node; its pods get so many seconds to move."""
        self._operation.report_progress(f"{self._node}: cordon")
        if not self._retry(lambda: self._api.cordon(self._node)):
            return
        self._move_pods(self._operation.wait(seconds))
        self._operation.report_progress(f"{self._node}: delete the Node object")
        self._retry(lambda: self._api.delete_node(self._node))

    def _move_pods(self, wait: Wait) -> None:
        left: list[Pod] = []
        evicted: set[str] = set()
        try:
            while left := list(self._retry(lambda: self._api.pods_to_move(self._node))):
                self._operation.report_progress(f"{self._node}: drain, {len(left)} pods left")
                for pod in left:
                    wait.check()
                    if pod.uid not in evicted and self._retry(lambda: self._api.evict(pod)):  # noqa: B023
                        evicted.add(pod.uid)
                if evicted.issuperset(pod.uid for pod in left) and not self._alive():
                    # Nobody is there to end them; they go with the Node object.
                    return
                wait.pause(_POLL_SECONDS)
        except DeadlineExceeded:
            names = ", ".join(sorted(f"{pod.namespace}/{pod.name}" for pod in left[:5]))
            more = f" and {len(left) - 5} more" if len(left) > 5 else ""
            self._operation.warn(
                f'node "{self._node}" was removed with {len(left)} pods on it after '
                f"{wait.seconds:.0f} s of draining: {names}{more}\n"
                "    a disruption budget or a long shutdown kept them; raise drainSeconds to give "
                "them more time"
            )

    def _alive(self) -> bool:
        node = self._retry(lambda: self._api.node(self._node))
        return node is not None and node.ready

    def _retry(self, call: Callable[[], T]) -> T:
        """The call's result, asked again for a short while when the API does not answer."""
        wait = self._operation.wait(RETRY_SECONDS)
        last = ApiError("the API does not answer in time")
        try:
            while True:
                try:
                    return wait.run(call)
                except ApiError as error:
                    if not error.retryable:
                        raise
                    last = error
                wait.pause(_POLL_SECONDS)
        except DeadlineExceeded:
            raise last from None
