"""
Several servers: one is removed or restarted only while etcd keeps its majority without it.

etcd refuses to remove a healthy member where less than a majority of the rest would be connected
(mayRemoveMember in server/etcdserver/server.go), and k3s keeps the Node for as long. A server that
is terminated all the same takes the quorum with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from provider.errors import DeadlineExceeded, OperationFailed
from provider.kubernetes.api import NodeState
from provider.kubernetes.drain import Drain
from provider.waiting import Pending

# A kubelet that has just been restarted is not Ready for a moment.
_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 1.0


def wait_for_others(drain: Drain, event: str) -> bool:
    """
    Waits until etcd keeps its majority without this server; whether others are members of it.

    A server that is not Ready is waited for by nobody: it is no part of the majority. Raises
    OperationFailed where others stay away, and ApiError when the API does not respond.
    """
    wait = drain.operation.wait(_SECONDS)
    others: Mapping[str, NodeState] = {}

    def poll() -> None:
        nonlocal others
        members = {k: v for k, v in drain.retry(drain.api.nodes).items() if v.is_member}
        own = members.pop(drain.node, None)
        others = members
        away = sorted(name for name, each in members.items() if not each.ready)
        if members and own and own.ready and len(members) - len(away) < _majority(members):
            raise Pending(", ".join(away))

    try:
        wait.until(poll, every=_POLL_SECONDS)
    except DeadlineExceeded:
        raise OperationFailed(_problem(drain.node, event, wait.seen, others)) from None
    return bool(others)


def _majority(members: Collection[str]) -> int:
    return len(members) // 2 + 1


def _problem(name: str, event: str, away: str, others: Collection[str]) -> str:
    return (
        f'server "{name}" cannot be {event} now: not Ready: {away}; without "{name}" etcd needs '
        f"{_majority(others)} of the other {len(others)} servers\n"
        "    start what is stopped, or replace what is broken alone, with pulumi up and "
        "--target-replace, or --refresh where its machine is gone; kubectl delete node for what "
        "gets no machine again; then repeat the change"
    )
