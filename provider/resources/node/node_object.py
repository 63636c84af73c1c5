"""The Node object in the API: reading and removing it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, Final

from provider.errors import DeadlineExceeded, OperationFailed
from provider.keys.host_keys import HostKeys
from provider.kubernetes.api import Api, ApiError, NodeState
from provider.kubernetes.drain import FINALIZER_SECONDS, RETRY_SECONDS, Drain
from provider.operation import Operation, Values
from provider.resources.connections import api_of, ssh_enabled
from provider.resources.node import quorum
from provider.resources.node.boot import UNITS, machine_of

# A refresh must not be slow because a cluster does not respond.
_READ_SECONDS: Final = 5.0
# After it the update fails, so it is longer than that of a warning.
_MEMBER_SECONDS: Final = 2 * FINALIZER_SECONDS
# k3s stops within a second or two.
_STOP_SECONDS: Final = 15.0


def outputs_of(node: NodeState) -> dict[str, Any]:
    """The outputs of a Node: nothing that changes without an update."""
    return {
        "kubeletVersion": node.kubelet_version,
        "architecture": node.architecture,
        "internalIp": node.internal_ip,
    }


def open_api(values: Values) -> Api:
    """
    The API of a Node's inputs or state, whatever name of the endpoint its certificate has.

    Another endpoint gets into the certificates of several servers one after the other, and may lead
    to any of them. Each has this name of the cluster's own (pkg/cluster/https.go of k3s), and no
    certificate of an agent has it.
    """
    others = values.get("otherEndpoints", ())
    return Api(api_of(values), certificate_name="kubernetes", others=others)


def _read_seconds(values: Values) -> float:
    """How long one reading may take: where there are others, the first endpoint may be silent."""
    return RETRY_SECONDS if values.get("otherEndpoints") else _READ_SECONDS


def read(operation: Operation, state: Values) -> Values | None:
    """The outputs in the API; None when it has no such Node."""
    name = state["nodeName"]
    try:
        with contextlib.closing(open_api(state)) as api:
            node = operation.wait(_read_seconds(state)).run(lambda: api.node(name))
    except (ApiError, DeadlineExceeded) as error:
        operation.warn(f'node "{name}" could not be read, its state stays as it was: {error}')
        return {}
    return None if node is None else outputs_of(node)


def remove(operation: Operation, state: Values, host_keys: HostKeys) -> None:
    """
    Drains and removes the Node, and stops k3s; a warning when the API does not respond.

    A kubelet registers whenever it starts. k3s that restarts before its machine has terminated
    would leave a Node without a machine, so it is stopped, and the Node deleted again if need be.
    Raises OperationFailed where the removal of a server would cost etcd its majority.
    """
    name = state["nodeName"]
    try:
        with contextlib.closing(open_api(state)) as api:
            drain = Drain(operation, api, name)
            joined = state["role"] == "server" and quorum.wait_for_others(drain, "removed")
            # k3s removes the etcd member of a server before the Node goes, so it runs until then.
            if drain.remove(state["drainSeconds"]):
                if not drain.wait_until_gone(_MEMBER_SECONDS if joined else FINALIZER_SECONDS):
                    _report_remaining(drain, must_go=joined)
                _stop_k3s(operation, state, host_keys)
                # The API may have gone with the only server.
                with contextlib.suppress(ApiError):
                    api.delete_node(name)
    except ApiError as error:
        operation.warn(
            f'the Node object "{name}" is left behind: {error}\n'
            f"    if the cluster still exists: kubectl delete node {name}"
        )


def remove_previous(operation: Operation, inputs: Values) -> bool:
    """
    Deletes the Nodes of earlier machines at this machine's address; whether none can be left.

    A Node whose creation failed is in no state, so nobody deletes it. etcd refuses a member at the
    address of another one, and k3s removes a member with its Node. An address has one machine at a
    time; a Node that is still Ready may have another one's, since kubelets report their addresses.
    """
    wait = operation.wait(_read_seconds(inputs))
    try:
        with contextlib.closing(open_api(inputs)) as api:
            found = _earlier_nodes(wait.run(api.nodes), inputs)
            for name in [name for name, node in found.items() if not node.ready]:
                operation.report_progress(f"{name}: delete the Node of an earlier machine")
                wait.run(lambda: api.delete_node(name))  # noqa: B023
    except (ApiError, DeadlineExceeded):
        return False
    return not any(node.ready for node in found.values())


def _earlier_nodes(nodes: Mapping[str, NodeState], inputs: Values) -> dict[str, NodeState]:
    config = inputs["nodeConfig"]
    prefix, address = f"{config['pool']['nodeNamePrefix']}-", config["own"]["privateIp"]
    return {
        name: node
        for name, node in nodes.items()
        if name != inputs["nodeName"] and name.startswith(prefix) and node.internal_ip == address
    }


def _report_remaining(drain: Drain, *, must_go: bool) -> None:
    """A Node that was deleted and stays: an error where its member of etcd stays with it."""
    what = (
        f'the Node object "{drain.node}" is still there after its deletion: no server has removed '
        "its finalizers"
    )
    if must_go and _is_there(drain):
        raise OperationFailed(
            f"{what}, and with them its member of etcd\n"
            "    k3s's log on the other servers has the cause; then repeat the change"
        )
    drain.operation.warn(
        f"{what}\n    if it stays: kubectl get node {drain.node} "
        "-o jsonpath={.metadata.finalizers}"
    )


def _is_there(drain: Drain) -> bool:
    """Whether the API responds and has the Node."""
    with contextlib.suppress(ApiError):
        return drain.state() is not None
    return False


def _stop_k3s(operation: Operation, state: Values, host_keys: HostKeys) -> None:
    """
    As far as the machine can be reached, which need not exist any more: the next one may have its
    address and its host key already.
    """
    if not ssh_enabled(state):
        return
    operation.report_progress(f"{state['nodeName']}: stop k3s")
    wait = operation.wait(_STOP_SECONDS)
    with (
        contextlib.suppress(DeadlineExceeded, OperationFailed),
        machine_of(state, wait, host_keys, None) as machine,
    ):
        report = wait.run(machine.report)
        if report is not None and report.instance_id == state["instanceId"]:
            wait.run(lambda: machine.try_run(f"sudo -n systemctl stop {UNITS[state['role']]}"))
