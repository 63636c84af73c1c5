"""Node (k3s:index:Node): the Kubernetes node on a machine."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from cluster import ssh_needed
from cluster.machine_files import NODE_SCHEMA
from provider.errors import OperationFailed
from provider.keys.host_keys import HostKeys
from provider.operation import Names, Operation, Values
from provider.protocol.properties import Fields, Property, at_least
from provider.protocol.resource import Created, Resource
from provider.resources.connections import API, DEADLINE, INSTANCE_ID, SSH, ssh_enabled

if TYPE_CHECKING:
    from provider.resources.node.readiness import Readiness

# The inputs whose change is applied to the machine, over SSH, until its node is Ready again.
_APPLIED = frozenset({"nodeConfig", "secrets", "instanceType", "datastoreId"})
# Those for which the boot program restarts k3s.
_RESTARTING = frozenset({"nodeConfig", "secrets"})
# Other keys are brought to the machine; where SSH was switched off, what changed since is.
_KEYS = frozenset({"ssh", "ssh.hostKey", "ssh.privateKey", "ssh.enabled"})


def _is_node_config(value: Any) -> str | None:
    given = value if isinstance(value, Mapping) else {}
    if given.get("schema") != NODE_SCHEMA or not {"pool", "own"} <= given.keys():
        return f"is not a node configuration of schema {NODE_SCHEMA}"
    return None


def _is_object(text: str) -> str | None:
    with contextlib.suppress(ValueError):
        if isinstance(json.loads(text), dict):
            return None
    return "is not a JSON object"


class Node(Resource):
    """
    Create waits until the machine's boot is done and the node is Ready. It creates nothing, so a
    failure leaves nothing in state, and the next update waits for the same machine again. A Node
    that such a machine left is deleted when the next one is created at its address.

    Update applies another `nodeConfig`, other secrets and SSH keys to the running machine, lets it
    join again where the datastore is another one, which has no nodes yet, and waits for a machine
    that restarted as another `instanceType`; nothing else connects to it. While SSH is disabled
    none of these can be done, which is an error before anything is changed.

    Read never uses SSH. An API that does not respond changes nothing. A Node object that is gone
    while the API responds counts as deleted: the next update creates it, and creating restarts k3s
    on a machine whose boot is done but that has no Node object.

    Of several servers one is changed or deleted only while etcd keeps its majority without it.

    Delete cordons, drains and removes the Node object if the API responds. Else it succeeds.
    """

    token = "k3s:index:Node"
    description = "The Kubernetes node on a machine: there when it is Ready, drained when deleted."
    inputs: ClassVar[Fields] = {
        "nodeName": Property(
            "string",
            "The node's name in Kubernetes, another one for each machine.",
            fix="the pool's prefix and the end of the instance id",
        ),
        "instanceId": INSTANCE_ID,
        "datastoreId": Property(
            "string",
            "The data behind the servers that it joins; left out on a server.",
            fix="the id of the Datastore",
            optional=True,
        ),
        "instanceType": Property(
            "string", "EC2 restarts the machine when it changes.", fix='such as "t4g.small"'
        ),
        "role": Property(
            "string", "`server` or `agent`.", fix='"server" or "agent"', choices=("server", "agent")
        ),
        "ssh": SSH,
        "api": API,
        "otherEndpoints": Property(
            "strings",
            "URLs of the API where `api.endpoint` is the address of one of several servers.",
            optional=True,
        ),
        "nodeConfig": Property(
            "any",
            "The machine's node.json without the deadline; applied in place.",
            fix="use what cluster/node_config builds",
            test=_is_node_config,
        ),
        "secrets": Property(
            "string",
            "Text of the machine's secrets.json; a change is applied in place.",
            secret=True,
            fix="a JSON object of strings by the keys of nodeConfig.pool.parameters",
            test=_is_object,
        ),
        "deadlineSeconds": DEADLINE,
        "drainSeconds": Property(
            "integer",
            "Seconds for the pods to leave the node.",
            fix="such as 120",
            test=at_least(0),
        ),
        "drainOnUpgrade": Property(
            "boolean",
            "Whether the pods leave the node before it gets another k3s.",
            optional=True,
        ),
    }
    outputs: ClassVar[Fields] = {
        "bootReport": Property("any", "The boot report of the machine."),
        "kubeletVersion": Property("string", "The version Kubernetes shows."),
        "architecture": Property("string", "`arm64` or `x86_64`."),
        "internalIp": Property("string", "The address other nodes use."),
        "readySeconds": Property("number", "How long the last create or change in place took."),
    }
    replaces = frozenset({"nodeName", "instanceId"})

    def __init__(self, host_keys: HostKeys, boot_program: Callable[[], Mapping[str, str]]) -> None:
        self._host_keys = host_keys
        self._boot_program = boot_program

    def recomputed_outputs(self, changed: Names) -> Names:
        if not _applied(changed):
            return ()
        return tuple(key for key in self.outputs if key != "architecture")

    def create(self, operation: Operation, inputs: Values) -> Created:
        computed = self._readiness(operation, inputs).of_new_machine()
        return Created(id=inputs["nodeName"], computed=computed)

    def update(self, operation: Operation, inputs: Values, state: Values, changed: Names) -> Values:
        from provider.resources.node.schedulable import around_change, wait_for_others

        # An input that the state does not have yet is no change of the machine.
        changes = {key for key in _applied(changed) if key in state or key in _KEYS}
        if not changes or not ssh_enabled(inputs):
            return super().update(operation, inputs, state, changed)
        if changes & _RESTARTING:
            wait_for_others(operation, inputs)
        with around_change(operation, inputs, drain=_drains(inputs, state)):
            return self._readiness(operation, inputs, state).of_running_machine(
                state["nodeConfig"],
                state.get("kubeletVersion"),
                restarted="instanceType" in changes,
                joins_again="datastoreId" in changes,
            )

    def reject_update(self, changed: Names, inputs: Values, state: Values) -> str | None:
        applied = sorted(_APPLIED & set(changed) & state.keys())
        if ssh_enabled(inputs) or not applied or not self.replaces.isdisjoint(changed):
            return None
        return str(ssh_needed.problem([state["nodeName"]], applied))

    def read(self, operation: Operation, state: Values) -> Values | None:
        from provider.resources.node import node_object

        if not state:
            raise OperationFailed("a Node cannot be imported\n    let the program create it")
        return node_object.read(operation, state)

    def _readiness(
        self, operation: Operation, inputs: Values, state: Values | None = None
    ) -> Readiness:
        from provider.resources.node.readiness import Readiness

        return Readiness(operation, inputs, self._host_keys, self._boot_program, state)

    def delete(self, operation: Operation, state: Values) -> None:
        from provider.resources.node import node_object

        node_object.remove(operation, state, self._host_keys)


def _applied(changed: Names) -> frozenset[str]:
    tops = {each.partition(".")[0] for each in changed}
    return (_APPLIED & tops) | (_KEYS & {*changed})


def _drains(inputs: Values, state: Values) -> bool:
    """Whether the pods leave before the change: k3s restarts with another binary."""
    old, new = (each["nodeConfig"]["pool"]["k3s"]["sha256"] for each in (state, inputs))
    return bool(inputs.get("drainOnUpgrade")) and old != new
