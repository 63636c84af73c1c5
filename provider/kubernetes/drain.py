"""
Taking a node out of the cluster: cordon, evict its pods, delete the Node object.

Deleting must not depend on the cluster: what cannot be done is a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from provider.errors import DeadlineExceeded
from provider.kubernetes.api import Api, ApiError, Pod, is_retryable
from provider.operation import Operation
from provider.waiting import Pending, Wait

T = TypeVar("T")
# For so long a request to an API that does not respond is retried.
RETRY_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 1.0


@dataclass
class Drain:
    """The removal of one node. Raises ApiError when the API does not respond."""

    operation: Operation
    api: Api
    node: str
    _left: Sequence[Pod] = ()
    _evicted: set[str] = field(default_factory=set)

    def remove(self, seconds: float) -> None:
        """Removes the Node; its pods get so many seconds to terminate."""
        self.operation.report_progress(f"{self.node}: cordon")
        if not self._retry(lambda: self.api.cordon(self.node)):
            return
        wait = self.operation.wait(seconds)
        try:
            wait.until(lambda: self._evict_pods(wait), every=_POLL_SECONDS)
        except DeadlineExceeded:
            self._warn_of_pods(seconds)
        self.operation.report_progress(f"{self.node}: delete the Node object")
        self._retry(lambda: self.api.delete_node(self.node))

    def _evict_pods(self, wait: Wait) -> None:
        """Evicts the pods that have not been yet; raises Pending while some are left."""
        self._left = self._retry(lambda: self.api.pods_to_move(self.node))
        if not self._left:
            return
        progress = f"{self.node}: drain, {len(self._left)} pods left"
        self.operation.report_progress(progress)
        for pod in self._left:
            wait.check()
            if pod.uid not in self._evicted and self._retry(lambda: self.api.evict(pod)):  # noqa: B023
                self._evicted.add(pod.uid)
        # On a node that is not Ready nothing terminates them; they go with the Node object.
        if not self._evicted.issuperset(pod.uid for pod in self._left) or self._is_ready():
            raise Pending(progress)

    def _warn_of_pods(self, seconds: float) -> None:
        names = ", ".join(sorted(f"{pod.namespace}/{pod.name}" for pod in self._left[:5]))
        more = f" and {len(self._left) - 5} more" if len(self._left) > 5 else ""
        self.operation.warn(
            f'node "{self.node}" was removed with {len(self._left)} pods on it after '
            f"{seconds:.0f} s of draining: {names}{more}\n"
            "    a disruption budget or a long shutdown kept them; raise drainSeconds to give "
            "them more time"
        )

    def _is_ready(self) -> bool:
        node = self._retry(lambda: self.api.node(self.node))
        return node is not None and node.ready

    def _retry(self, call: Callable[[], T]) -> T:
        wait = self.operation.wait(RETRY_SECONDS)
        wait.seen = "the API does not respond in time"
        try:
            return wait.until(lambda: wait.run(call), retry=is_retryable, every=_POLL_SECONDS)
        except DeadlineExceeded:
            raise ApiError(wait.seen) from None
