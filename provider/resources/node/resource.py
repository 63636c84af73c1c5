"""Node (k3s:index:Node): the Kubernetes node on a machine."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from cluster.machine_files import NODE_SCHEMA, NodeConfig
from provider.errors import OperationFailed
from provider.protocol import differences
from provider.protocol.properties import Fields, Property, at_least, not_blank
from provider.protocol.resource import Created, Operation, Resource, Values
from provider.resources.connections import API, DEADLINE, INSTANCE_ID, SSH, ssh_enabled

# The inputs whose change is applied to the machine, over SSH, until its node is Ready again.
_APPLIED = frozenset({"nodeConfig", "secrets", "instanceType", "datastoreId"})
# Other keys are brought to the machine; where SSH was switched off, what changed since is.
_KEYS = frozenset({"ssh", "ssh.hostKey", "ssh.privateKey", "ssh.enabled"})


def _is_node_config(value: Any) -> str | None:
    given = value if isinstance(value, Mapping) else {}
    if given.get("schema") != NODE_SCHEMA or not {"pool", "own"} <= given.keys():
        return f"is no node configuration of schema {NODE_SCHEMA}"
    return None


def _is_object(text: str) -> str | None:
    with contextlib.suppress(ValueError):
        if isinstance(json.loads(text), dict):
            return None
    return "is no JSON object"


class Node(Resource):
    """
    Create waits until the machine's boot is done and the node is Ready. It makes nothing, so a
    failure leaves nothing in state, and the next update waits for the same machine again.

    Update applies another `nodeConfig`, other secrets and SSH keys to the running machine, lets it
    join once more behind another server, which knows no nodes yet, and waits for a machine that
    restarted to become another `instanceType`; nothing else contacts it. While SSH is disabled none
    of these can be done, which is an error before anything is changed.

    Read never uses SSH. An API that does not answer changes nothing. A Node object that is gone
    while the API answers counts as gone: the next update creates it, and creating starts k3s once
    more on a machine whose boot is done but that has no Node object.

    Delete cordons, drains and removes the Node object as far as the API answers, and succeeds.
    """

    token = "k3s:index:Node"
    description = "The Kubernetes node on a machine: there when it is Ready, drained when deleted."
    inputs: ClassVar[Fields] = {
        "nodeName": Property(
            kind="string",
            description="The node's name in Kubernetes, another one for each machine.",
            fix="the pool's prefix and the end of the instance id",
            test=not_blank,
        ),
        "instanceId": INSTANCE_ID,
        "datastoreId": Property(
            kind="string",
            description="The data behind the servers that it joins; left out on a server.",
            fix="the id of the Datastore",
            test=not_blank,
            optional=True,
        ),
        "instanceType": Property(
            kind="string",
            description="EC2 stops and starts a machine that becomes another one.",
            fix='such as "t4g.small"',
            test=not_blank,
        ),
        "role": Property(
            kind="string",
            description="`server` or `agent`.",
            fix='"server" or "agent"',
            choices=("server", "agent"),
        ),
        "ssh": SSH,
        "api": API,
        "nodeConfig": Property(
            kind="any",
            description="The machine's node.json without the deadline; applied in place.",
            fix="use what cluster/node_config builds",
            test=_is_node_config,
        ),
        "secrets": Property(
            kind="string",
            secret=True,
            description="Text of the machine's secrets.json; a change is applied in place.",
            fix="a JSON object of texts by the keys of nodeConfig.pool.parameters",
            test=_is_object,
        ),
        "deadlineSeconds": DEADLINE,
        "drainSeconds": Property(
            kind="integer",
            description="So many seconds the pods get to leave the node.",
            fix="such as 120",
            test=at_least(0),
        ),
    }
    outputs: ClassVar[Fields] = {
        "bootReport": Property(kind="any", description="The machine's own account of its boot."),
        "kubeletVersion": Property(kind="string", description="The version Kubernetes shows."),
        "architecture": Property(kind="string", description="`arm64` or `x86_64`."),
        "internalIp": Property(kind="string", description="The address other nodes use."),
        "readySeconds": Property(
            kind="number", description="How long the last create or change in place took."
        ),
    }
    replaces = frozenset({"nodeName", "instanceId"})

    def recomputed_outputs(self, changed: Collection[str]) -> Collection[str]:
        if not _applied(changed):
            return ()
        return tuple(key for key in self.outputs if key != "architecture")

    def create(self, operation: Operation, inputs: Values) -> Created:
        from provider.resources.node.readiness import Readiness

        ready = Readiness(operation, inputs).of_new_machine()
        return Created(id=inputs["nodeName"], computed=ready.outputs)

    def update(
        self, operation: Operation, inputs: Values, known: Values, changed: Collection[str]
    ) -> Values:
        from provider.resources.node.readiness import Readiness

        # What was not remembered yet is no change of the machine.
        changes = {key for key in _applied(changed) if key in known or key in _KEYS}
        if not changes or not ssh_enabled(inputs):
            return super().update(operation, inputs, known, changed)
        before = None
        if _k3s_version(known["nodeConfig"]) != _k3s_version(inputs["nodeConfig"]):
            before = known.get("kubeletVersion")
        ready = Readiness(operation, inputs, known).of_running_machine(
            known["nodeConfig"],
            before,
            restarted="instanceType" in changes,
            joins_again="datastoreId" in changes,
        )
        return ready.outputs

    def reject_update(self, changed: Collection[str], inputs: Values, known: Values) -> str | None:
        applied = sorted(_APPLIED & set(changed) & known.keys())
        if ssh_enabled(inputs) or not applied or not self.replaces.isdisjoint(changed):
            return None
        return (
            f'node "{known["nodeName"]}" cannot be changed while SSH is switched off: '
            f"{', '.join(applied)}\n"
            "    allow the address of this run in network.sshAllowedCidrs, run pulumi up, and "
            "empty the list again afterwards"
        )

    def read(self, operation: Operation, known: Values) -> Values | None:
        from provider.resources.node import node_object

        if not known:
            raise OperationFailed("a Node cannot be imported\n    let the program create it")
        return node_object.read(operation, known)

    def delete(self, operation: Operation, known: Values) -> None:
        from provider.resources.node import node_object

        node_object.remove(operation, known)


def _applied(changed: Collection[str]) -> frozenset[str]:
    tops = {differences.parse(each)[0] for each in changed}
    return (_APPLIED & tops) | (_KEYS & {*changed})


def _k3s_version(node_config: NodeConfig) -> str:
    return node_config["pool"]["k3s"]["version"]
