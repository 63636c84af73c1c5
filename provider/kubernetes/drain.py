"""
Moving the pods off a node: before it is removed, and before a change of it where that is wanted.

As `kubectl drain` does it with --force, --ignore-daemonsets and --delete-emptydir-data: pods of
DaemonSets, static and completed pods stay. What cannot be done is a warning: deleting must not
depend on the cluster.
https://kubernetes.io/docs/tasks/administer-cluster/safely-drain-node/
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from provider.errors import DeadlineExceeded
from provider.kubernetes.api import Api, ApiError, NodeState, Pod, is_retryable
from provider.operation import Operation
from provider.waiting import Pending, Wait

T = TypeVar("T")
# For so long a request to an API that does not respond is retried.
RETRY_SECONDS: Final = 15.0
# For so long a deleted Node may stay: k3s removes the etcd member of a server first, and where it
# is the server that does so, another one takes over after 45 s.
FINALIZER_SECONDS: Final = 90.0
_POLL_SECONDS: Final = 1.0
_MOST_PODS: Final = 5


@dataclass
class Drain:
    """The pods of one node. Raises ApiError when the API does not respond."""

    operation: Operation
    api: Api
    node: str
    _left: Sequence[Pod] = ()
    _evicted: set[str] = field(default_factory=set)
    _reasons: dict[str, str] = field(default_factory=dict)

    def remove(self, seconds: float) -> bool:
        """Removes the Node; its pods get so many seconds to terminate. Whether there was a Node."""
        self.operation.report_progress(f"{self.node}: cordon")
        if not self.retry(lambda: self.api.cordon(self.node)):
            return False
        self.evict(seconds, "removed")
        self.operation.report_progress(f"{self.node}: delete the Node object")
        self.retry(lambda: self.api.delete_node(self.node))
        return True

    def wait_until_gone(self, seconds: float = FINALIZER_SECONDS) -> bool:
        """Waits until the API has no such Node any more; whether that came in time."""
        wait = self.operation.wait(seconds)

        def poll() -> None:
            if wait.run(lambda: self.api.node(self.node)) is not None:
                raise Pending("the Node object has not been deleted yet")

        try:
            wait.until(poll, retry=is_retryable)
        except DeadlineExceeded:
            return False
        return True

    def evict(self, seconds: float, event: str) -> None:
        """
        Evicts the pods, which get so many seconds to terminate; a warning names those that stay
        while the node is `event`.
        """
        wait = self.operation.wait(seconds)
        try:
            wait.until(lambda: self._evict_pods(wait), every=_POLL_SECONDS)
        except DeadlineExceeded:
            self._warn_of_pods(seconds, event)

    def _evict_pods(self, wait: Wait) -> None:
        """Evicts the pods that have not been yet; raises Pending while some are left."""
        self._left = self.retry(lambda: self.api.pods_to_move(self.node))
        if not self._left:
            return
        progress = f"{self.node}: drain, {len(self._left)} pods left"
        self.operation.report_progress(progress)
        for pod in self._left:
            wait.check()
            if pod.uid not in self._evicted:
                reason = self.retry(lambda: self.api.evict(pod))  # noqa: B023
                self._reasons[pod.uid] = reason
                if not reason:
                    self._evicted.add(pod.uid)
        # On a node that is not Ready nothing terminates them; they go with the Node object.
        if not self._evicted.issuperset(pod.uid for pod in self._left) or self._is_ready():
            raise Pending(progress)

    def _warn_of_pods(self, seconds: float, event: str) -> None:
        lines = sorted(self._describe(pod) for pod in self._left[:_MOST_PODS])
        if len(self._left) > _MOST_PODS:
            lines.append(f"and {len(self._left) - _MOST_PODS} more")
        lines.append("raise drainSeconds to give them more time, or change what keeps them")
        self.operation.warn(
            f'node "{self.node}" was {event} with {len(self._left)} pods on it after '
            f"{seconds:.0f} s of draining:" + "".join(f"\n    {line}" for line in lines)
        )

    def _describe(self, pod: Pod) -> str:
        reason = self._reasons.get(pod.uid) or "evicted, it has not terminated yet"
        return f"{pod.namespace}/{pod.name}: {reason}"

    def _is_ready(self) -> bool:
        node = self.state()
        return node is not None and node.ready

    def state(self) -> NodeState | None:
        return self.retry(lambda: self.api.node(self.node))

    def retry(self, call: Callable[[], T]) -> T:
        """The result of a request, which is repeated for a moment while the API fails."""
        wait = self.operation.wait(RETRY_SECONDS)
        wait.seen = "the API does not respond in time"
        try:
            return wait.until(lambda: wait.run(call), retry=is_retryable, every=_POLL_SECONDS)
        except DeadlineExceeded:
            raise ApiError(wait.seen) from None
