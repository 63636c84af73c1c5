"""SSH keys of a machine: which are refused, how others are brought to it, and doing without."""

from __future__ import annotations

import copy
import json
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from cluster import kubeconfig, machine_files
from provider.protocol.values import Secret
from provider.resources.node import boot
from tests.provider.conftest import NODE_CONFIG
from tests.provider.fake_api import FakeApi, node
from tests.provider.fake_machine import BOOT_PROGRAM, FakeMachine, report
from tests.provider.rpc import Failed, FastClock, Rpc, plugin

NODE = "k3s:index:Node"
CHANGED = copy.deepcopy(NODE_CONFIG)
CHANGED["pool"]["labels"]["a"] = "b"
SSH_KEY = "k3s:index:SshKey"
KUBECONFIG = "k3s:index:Kubeconfig"
NAME = "demo-agents-1a2b3c4d"

Inputs = dict[str, Any]
MakeInputs = Callable[..., Inputs]


def _made(rpc: Rpc, name: str) -> dict[str, Any]:
    """A host key of this stack, as the engine has the plugin make it."""
    _, outputs = rpc.create(SSH_KEY, {"comment": name, "generation": "1"})
    return {key: each.value if isinstance(each, Secret) else each for key, each in outputs.items()}


def _refusal(rpc: Rpc, inputs: Inputs) -> str:
    with pytest.raises(Failed) as failed:
        rpc.create(NODE, inputs)
    return failed.value.text


def _with_host_key(inputs: Inputs, public_key: str) -> Inputs:
    return {**inputs, "ssh": {**inputs["ssh"], "hostKey": public_key}}


def _serving(host_key: str, login_key: Mapping[str, Any], folder: Path) -> FakeMachine:
    return FakeMachine(folder, host_key, login_key["privateKey"])


def test_the_key_of_another_node_of_the_cluster_is_refused_with_that_nodes_name(
    rpc: Rpc, login_key: Mapping[str, Any], node_inputs: MakeInputs, tmp_path: Path
) -> None:
    ours, others = _made(rpc, "demo-agents-0"), _made(rpc, "demo-agents-1")
    machine = _serving(others["privateKey"], login_key, tmp_path / "other")
    inputs = _with_host_key(node_inputs(), ours["publicKey"])

    message = _refusal(rpc, {**inputs, "ssh": {**inputs["ssh"], "port": machine.port}})
    machine.close()

    assert message.startswith(
        f"another machine of this cluster responds at 127.0.0.1 port {machine.port}: its SSH host "
        f'key is that of "demo-agents-1", {others["fingerprint"]}, expected {ours["fingerprint"]}\n'
    )
    assert machine.commands == []


def test_a_key_the_machine_had_before_is_refused_as_that(
    rpc: Rpc, login_key: Mapping[str, Any], node_inputs: MakeInputs, tmp_path: Path
) -> None:
    before = {"comment": "demo-agents-0", "generation": "1"}
    _, old = rpc.create(SSH_KEY, before)
    machine = _serving(old["privateKey"].value, login_key, tmp_path / "old")
    after = {**before, "generation": "2"}
    new = rpc.update(SSH_KEY, old, before, after)
    inputs = _with_host_key(node_inputs(), new["publicKey"])
    inputs = {**inputs, "ssh": {**inputs["ssh"], "port": machine.port}}

    message = [_refusal(rpc, inputs)]
    # A later run knows it from the state: the engine asks for a difference.
    with plugin(FastClock()) as later:
        later.stub.Diff(_diff_request(new, after))
        message.append(_refusal(later, inputs))
    machine.close()

    assert {text.partition("\n")[0] for text in message} == {
        f"the machine at 127.0.0.1 port {machine.port} has the SSH host key that "
        '"demo-agents-0" had before it was replaced or its key rotated: '
        f"{old['fingerprint']}, expected {new['fingerprint']}"
    }
    assert machine.commands == []


def _diff_request(known: Mapping[str, Any], inputs: Mapping[str, Any]) -> Any:
    from pulumi.runtime.proto import provider_pb2

    from provider.protocol import values
    from tests.provider.rpc import urn_of

    return provider_pb2.DiffRequest(
        urn=urn_of(SSH_KEY),
        type=SSH_KEY,
        olds=values.encode(known),
        old_inputs=values.encode(inputs),
        news=values.encode(inputs),
    )


def test_a_machine_without_a_host_key_is_waited_for_and_then_named_as_that(
    rpc: Rpc, node_inputs: MakeInputs
) -> None:
    """An sshd without a key takes the connection and ends it at once."""
    inputs = node_inputs(deadlineSeconds=30)
    with socket.create_server(("127.0.0.1", 0)) as server:
        ending = threading.Thread(target=_end_connections, args=(server,), daemon=True)
        ending.start()
        message = _refusal(
            rpc, {**inputs, "ssh": {**inputs["ssh"], "port": server.getsockname()[1]}}
        )
        # Closing alone does not wake who waits in accept, and the number goes to another socket.
        server.shutdown(socket.SHUT_RDWR)
        ending.join(60)

    assert not ending.is_alive()
    assert "last seen: SSH ends before it offers a host key: a machine has none before" in message


def _end_connections(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        connection.close()


def without_ssh(inputs: Inputs) -> Inputs:
    return {**inputs, "ssh": {**inputs["ssh"], "enabled": False}}


class Rotated:
    """A machine whose keys are changed by its boot program."""

    def __init__(
        self,
        machine: FakeMachine,
        api: FakeApi,
        inputs: Inputs,
        new_host: Mapping[str, Any],
        new_login: Mapping[str, Any],
    ) -> None:
        self.machine, self.old = machine, inputs
        self.new = {
            **inputs,
            "ssh": {
                **inputs["ssh"],
                "hostKey": new_host["publicKey"],
                "privateKey": new_login["privateKey"],
            },
            "secrets": json.dumps({"hostKey": new_host["privateKey"]}),
        }
        self._keys = new_host["privateKey"], new_login["privateKey"]
        api.nodes[NAME] = node(NAME)
        machine.will_report_after_boot(report(), report("done", ("ssh", 0.5)))

    def take_both(self) -> None:
        self.take_host_key()
        self.take_login_key()

    def take_host_key(self) -> None:
        self.machine.show(host_key=self._keys[0])

    def take_login_key(self) -> None:
        self.machine.show(login_key=self._keys[1])

    def up(self) -> dict[str, Any]:
        known = {**self.old, "bootReport": {}, "kubeletVersion": "v1.36.5+k3s1"}
        with plugin(FastClock(), BOOT_PROGRAM) as rpc:
            return rpc.update(NODE, known, self.old, self.new)


@pytest.fixture
def rotated(rpc: Rpc, machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs) -> Rotated:
    return Rotated(
        machine, api, node_inputs(), _made(rpc, "demo-agents-0"), _made(rpc, "demo-login")
    )


def test_other_keys_are_brought_over_the_old_ones_and_then_the_new_ones_are_used(
    rotated: Rotated,
) -> None:
    rotated.machine.on_boot = rotated.take_both

    outputs = rotated.up()

    assert outputs["bootReport"]["state"] == "done"
    assert json.loads(rotated.machine.content_of("etc/k3s-aws/secrets.json")) == json.loads(
        rotated.new["secrets"]
    )
    assert rotated.machine.mode_of("etc/k3s-aws/secrets.json") == 0o600


def test_a_previous_host_key_counts_only_while_the_host_key_changes(
    rotated: Rotated, rpc: Rpc
) -> None:
    """The machine before may have had it, whose place this one took."""
    previous = _made(rpc, "demo-agents-0")
    rotated.machine.show(host_key=previous["privateKey"])
    rotated.new["ssh"] |= {
        "hostKey": rotated.old["ssh"]["hostKey"],
        "previousHostKey": previous["publicKey"],
    }

    with pytest.raises(Failed) as failed:
        rotated.up()

    assert "another machine responds at" in failed.value.text
    assert rotated.machine.commands == []


@pytest.mark.parametrize("done", ["take_host_key", "take_login_key"])
def test_a_change_of_keys_that_was_cut_off_in_between_goes_on(rotated: Rotated, done: str) -> None:
    getattr(rotated, done)()
    rotated.machine.on_boot = rotated.take_both

    assert rotated.up()["bootReport"]["state"] == "done"


def test_a_connection_that_is_lost_after_the_keys_changed_is_made_with_the_new_ones(
    rotated: Rotated,
) -> None:
    def take_both_and_hang_up_once() -> None:
        rotated.take_host_key()
        rotated.take_login_key()
        rotated.machine.on_boot = lambda: None
        rotated.machine.drop_connections()

    rotated.machine.on_boot = take_both_and_hang_up_once

    assert rotated.up()["bootReport"]["state"] == "done"


def test_a_machine_that_keeps_its_old_host_key_is_an_error(rotated: Rotated) -> None:
    rotated.machine.on_boot = rotated.take_login_key

    with pytest.raises(Failed) as failed:
        rotated.up()

    assert "its SSH host key is" in failed.value.text


def test_a_machine_with_a_third_host_key_is_an_error_while_keys_change(
    rotated: Rotated, rpc: Rpc
) -> None:
    rotated.machine.show(host_key=_made(rpc, "elsewhere")["privateKey"])

    with pytest.raises(Failed) as failed:
        rotated.up()

    assert "another machine responds at" in failed.value.text
    assert rotated.machine.commands == []


def test_without_ssh_readiness_comes_from_the_api_alone(
    rpc: Rpc, machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    api.nodes[NAME] = node(NAME)
    inputs = without_ssh(node_inputs())

    _, outputs = rpc.create(NODE, inputs)

    assert outputs["kubeletVersion"]
    assert outputs["bootReport"] == {"node": NAME, "state": "not read"}
    assert machine.connections == 0


def test_without_ssh_the_deadline_of_a_missing_node_reports_where_to_look(
    rpc: Rpc, api: FakeApi, node_inputs: MakeInputs
) -> None:
    inputs = without_ssh(node_inputs(deadlineSeconds=30))

    assert _refusal(rpc, inputs) == (
        f'node "{NAME}" is not Ready after 30 s\n'
        "    last seen: the kubelet has not registered\n"
        "    SSH is switched off, network.sshAllowedCidrs switches it on: the user data of a "
        "machine that was made again has no later change, such as an upgrade of k3s\n"
        f"    {boot.console_hint(inputs)}"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"nodeConfig": CHANGED},
        {"secrets": '{"token": "K10cd::node:another-join-token"}'},
        {"instanceType": "t3.large"},
        {"datastoreId": "aaaaaaaaaaaaaaaa"},
    ],
)
def test_without_ssh_what_needs_it_is_refused_before_anything_is_changed(
    rpc: Rpc, node_inputs: MakeInputs, change: dict[str, Any]
) -> None:
    before = node_inputs()
    after = without_ssh({**before, **change})

    with pytest.raises(Failed) as failed:
        rpc.diff(NODE, before, after)

    (key,) = change
    assert failed.value.text.startswith(
        "cluster.network.sshAllowedCidrs: is empty, and this change needs SSH to "
        f'"{NAME}" for {key}\n'
    )
    assert "another-join-token" not in failed.value.text


def test_disabling_ssh_connects_to_nothing_and_a_new_machine_needs_none(
    rpc: Rpc, machine: FakeMachine, node_inputs: MakeInputs
) -> None:
    before = node_inputs()
    after = without_ssh(before)

    rpc.diff(NODE, before, after)
    rpc.update(NODE, {**before, "kubeletVersion": "v1"}, before, after)
    replaced = rpc.diff(NODE, before, {**after, "instanceId": "i-new", "nodeName": "demo-new"})

    assert list(replaced.replaces) == ["instanceId", "nodeName"]
    assert machine.connections == 0


def test_switching_ssh_on_again_brings_the_machine_up_to_date(
    machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    api.nodes[NAME] = node(NAME)
    machine.will_report_after_boot(report(), report("done", ("ssh", 0.5)))
    after = node_inputs()
    before = without_ssh(after)

    with plugin(FastClock(), BOOT_PROGRAM) as rpc:
        outputs = rpc.update(NODE, {**before, "kubeletVersion": "v1"}, before, after)

    assert outputs["bootReport"]["state"] == "done"
    assert machine_files.has_config(machine.content_of("etc/k3s-aws/node.json"), NODE_CONFIG)


def test_other_keys_that_came_while_ssh_was_off_are_brought_when_it_is_on_again(
    rotated: Rotated,
) -> None:
    rotated.machine.on_boot = rotated.take_both
    rotated.old = without_ssh(rotated.old)

    assert rotated.up()["bootReport"]["state"] == "done"


def test_a_change_of_keys_that_got_through_and_failed_later_may_be_followed_by_another(
    rotated: Rotated, rpc: Rpc
) -> None:
    """The machine has keys that stand in no Node: those of the SshKeys before the last change."""
    host, login = _made(rpc, "tried"), _made(rpc, "tried")
    rotated.machine.show(host_key=host["privateKey"], login_key=login["privateKey"])
    rotated.machine.on_boot = rotated.take_both
    tried = {"previousHostKey": host["publicKey"], "previousPrivateKey": login["privateKey"]}
    rotated.new = {**rotated.new, "ssh": {**rotated.new["ssh"], **tried}}

    assert rotated.up()["bootReport"]["state"] == "done"


def test_the_keys_from_before_count_for_nothing_once_a_change_is_finished(
    rotated: Rotated,
) -> None:
    """Nobody takes a machine's place with a key that was rotated away."""
    tried = {
        "previousHostKey": rotated.old["ssh"]["hostKey"],
        "previousPrivateKey": rotated.old["ssh"]["privateKey"],
    }
    finished = {**rotated.new, "ssh": {**rotated.new["ssh"], **tried}}
    rotated.old, rotated.new = finished, {**finished, "nodeConfig": CHANGED}

    with pytest.raises(Failed) as failed:
        rotated.up()

    assert "another machine responds at" in failed.value.text
    assert rotated.machine.commands == []


def test_without_ssh_the_administrators_kubeconfig_is_made_of_the_administrators_certificate(
    rpc: Rpc, ssh_inputs: Inputs, api_inputs: Inputs, authority: Mapping[str, Any]
) -> None:
    inputs = {
        "ssh": {**ssh_inputs, "enabled": False},
        "api": api_inputs,
        "instanceId": "i-0123456789abcdef0",
        "clusterName": "demo",
        "deadlineSeconds": 30,
    }

    _, outputs = rpc.create(KUBECONFIG, inputs)

    assert isinstance(outputs["kubeconfig"], Secret)
    parts = kubeconfig.parse(outputs["kubeconfig"].value)
    assert parts.client_key == authority["adminKey"]
    assert parts.certificate_authority == authority["serverCaCertificate"]
    assert parts.server == api_inputs["endpoint"]
