"""Creating a Node: from a machine that does not respond yet to a Ready node, or to a cause."""

from __future__ import annotations

import base64
import copy
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cluster import machine_files
from provider.keys.host_keys import HostKeys
from provider.protocol.values import UNKNOWN, UNKNOWN_MARKS, Secret
from provider.ssh.connection import Login
from provider.ssh.machine import Machine
from provider.waiting import SystemClock, Wait
from tests.provider.conftest import NODE_CONFIG
from tests.provider.fake_api import FakeApi, node
from tests.provider.fake_machine import BOOT_PROGRAM, REPORT, FakeMachine, report
from tests.provider.rpc import Failed, FastClock, Rpc, plugin, urn_of

NODE = "k3s:index:Node"
NAME = "demo-agents-1a2b3c4d"
Inputs = dict[str, Any]
MakeInputs = Callable[..., Inputs]

ROWS = [
    (urn_of(NODE), f"agent {NAME}: waiting for cloud-init"),
    (urn_of(NODE), f"agent {NAME}: identity 0.1 s, download-k3s"),
    (urn_of(NODE), f"agent {NAME}: download-k3s 3.2 s, start-k3s"),
]


def _failure(rpc: Rpc, inputs: Inputs) -> Failed:
    with pytest.raises(Failed) as caught:
        rpc.create(NODE, inputs)
    return caught.value


def test_a_node_is_created_when_its_boot_is_done_and_it_is_ready(
    rpc: Rpc, machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    machine.will_report(
        None,
        report("running", ("identity", 0.12), ("download-k3s", None)),
        report("running", ("download-k3s", 3.21), ("start-k3s", None)),
        report("done", ("download-k3s", 3.21), ("start-k3s", 4.0)),
    )
    api.nodes[NAME] = node(NAME)

    identity, outputs = rpc.create(NODE, node_inputs())

    assert identity == NAME
    assert outputs["bootReport"]["state"] == "done"
    assert outputs["kubeletVersion"] == "v1.36.5+k3s1"
    assert outputs["architecture"] == "x86_64"
    assert outputs["internalIp"] == "10.64.0.10"
    assert outputs["readySeconds"] >= 1.0
    *rows, last = rpc.reported.rows
    assert rows == ROWS
    assert last[1].startswith(f"agent {NAME}: Ready after ")
    assert machine.connections == 1


def test_what_an_earlier_machine_at_the_address_left_is_removed_before_the_boot_is_done(
    rpc: Rpc, machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    """Its creation failed, so it is in no state: a server could never join at its address."""
    previous, other = "demo-agents-0badc0de", "demo-agents-5e6f7a8b"
    api.nodes = {
        NAME: node(NAME),
        previous: node(previous),
        other: node(other, ready="Unknown"),
    }
    api.nodes[other]["status"]["addresses"][1]["address"] = "10.64.0.11"
    api.nodes["by-hand"] = node("by-hand")

    def answer(calls: int) -> int | None:
        if api.calls[-1].startswith("DELETE"):
            machine.put(REPORT, report())
        if calls == 3:
            # Kubernetes notices after a while that the machine is gone.
            api.nodes[previous] = node(previous, ready="Unknown")
        # The API is away at first.
        return 503 if calls == 1 else None

    api.before_answer = answer
    machine.put(REPORT, report("running", ("start-k3s", None)))
    rpc.create(NODE, node_inputs(deadlineSeconds=60))

    assert set(api.nodes) == {NAME, other, "by-hand"}
    assert f"{previous}: delete the Node of an earlier machine" in rpc.reported.progress_lines


def test_an_endpoint_whose_name_is_not_in_every_certificate_yet_is_one_of_this_cluster(
    rpc: Rpc, machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    """Another endpoint of several servers leads to some whose certificates it changes next."""
    inputs = node_inputs()
    machine.will_report(report())
    api.nodes[NAME] = node(NAME)
    endpoint = api.endpoint.replace("127.0.0.1", "localhost")

    identity, _ = rpc.create(NODE, {**inputs, "api": {**inputs["api"], "endpoint": endpoint}})

    assert identity == NAME


def test_a_machine_that_refuses_connections_at_first_is_waited_for(
    rpc: Rpc, machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    inputs = node_inputs()
    machine.will_report(report())
    api.nodes[NAME] = node(NAME)
    relay = _Relay(machine.port)

    def open_when_refused() -> None:
        while f"agent {NAME}: SSH is refused" not in rpc.reported.progress_lines:
            time.sleep(0.01)
        relay.open()

    opening = threading.Thread(target=open_when_refused, daemon=True)
    opening.start()
    rpc.create(NODE, {**inputs, "ssh": {**inputs["ssh"], "port": relay.port}})
    opening.join(60)
    relay.close()

    assert not opening.is_alive()
    assert machine.connections == 1


class _Relay:
    """A port that is closed until `open`, and then leads to another one."""

    def __init__(self, target: int) -> None:
        self._listening = socket.socket()
        # Bound and not listening: connections are refused, and nobody else gets the port.
        self._listening.bind(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._target = target
        self._sockets = [self._listening]

    def open(self) -> None:
        self._listening.listen()
        threading.Thread(target=self._relay, daemon=True).start()

    def close(self) -> None:
        for each in self._sockets:
            each.close()

    def _relay(self) -> None:
        near, _ = self._listening.accept()
        far = socket.create_connection(("127.0.0.1", self._target))
        self._sockets += [near, far]
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while piece := source.recv(65536):
                sink.sendall(piece)
        except OSError:
            return


def test_another_host_key_is_an_error_that_shows_both_fingerprints(
    rpc: Rpc, machine: FakeMachine, node_inputs: MakeInputs, host_key: Mapping[str, Any],
    login_key: Mapping[str, Any],
) -> None:  # fmt: skip
    inputs = node_inputs()
    expected = {**inputs["ssh"], "hostKey": login_key["publicKey"]}

    failed = _failure(rpc, {**inputs, "ssh": expected})

    assert failed.code == "FAILED_PRECONDITION"
    assert failed.text.startswith(
        f"another machine responds at 127.0.0.1 port {machine.port}: its SSH host key is "
        f"{host_key['fingerprint']}, expected {login_key['fingerprint']}\n"
    )
    assert machine.commands == []


def test_a_new_machine_may_have_a_host_key_of_its_image_for_a_while(
    rpc: Rpc, machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs,
    host_key: Mapping[str, Any], login_key: Mapping[str, Any],
) -> None:  # fmt: skip
    """Some images make host keys beside cloud-init, before the boot program brings the own one."""
    machine.show(host_key=login_key["privateKey"])

    def bring_its_own() -> None:
        assert machine.commands == []
        if machine.connections == 3:
            machine.show(host_key=host_key["privateKey"])
            machine.on_connect = lambda: None

    machine.on_connect = bring_its_own
    machine.will_report(report())
    api.nodes[NAME] = node(NAME)
    _, outputs = rpc.create(NODE, node_inputs())

    assert outputs["bootReport"]["state"] == "done"
    assert any("has another SSH host key so far" in each for each in rpc.reported.progress_lines)


def test_a_login_that_stays_refused_is_an_error_after_some_grace(
    rpc: Rpc, machine: FakeMachine, node_inputs: MakeInputs
) -> None:
    machine.user = "ubuntu"

    failed = _failure(rpc, node_inputs())

    assert failed.code == "FAILED_PRECONDITION"
    assert failed.text.startswith(
        '127.0.0.1 rejects the login key of user "admin"\n    the image may have'
    )
    assert machine.connections > 1


def test_a_login_that_is_refused_until_cloud_init_made_the_user_is_waited_for(
    rpc: Rpc, machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    machine.user = "not yet there"
    machine.on_connect = lambda: setattr(machine, "user", "admin") if machine.connections > 2 else 0
    machine.will_report(report())
    api.nodes[NAME] = node(NAME)

    rpc.create(NODE, node_inputs())

    assert machine.connections == 3


def test_a_login_that_is_refused_again_after_it_worked_gets_its_grace_again(
    machine: FakeMachine, ssh_inputs: Inputs
) -> None:
    wait = Wait(600, FastClock(), threading.Event())
    with Machine(Login.of(ssh_inputs), wait, HostKeys()) as reached:
        machine.user = "not yet there"
        assert reached.try_run("true") is None
        machine.user = "admin"
        assert reached.try_run("true") is not None

        wait.pause(60)
        machine.user = "taken away again"
        machine.drop_connections()

        assert reached.try_run("true") is None
        assert wait.seen != "the machine does not accept the login key"
        assert reached.try_run("true") is None
        assert wait.seen == "the machine does not accept the login key"


def test_a_boot_that_fails_is_an_error_with_phase_cause_and_where_to_look(
    rpc: Rpc, machine: FakeMachine, node_inputs: MakeInputs
) -> None:
    machine.will_report(
        report("running", ("download-k3s", None)),
        report("failed", ("download-k3s", 9.0), cause="no source has the right SHA-256"),
    )

    failed = _failure(rpc, node_inputs())

    assert failed.code == "FAILED_PRECONDITION"
    assert (
        f'agent "{NAME}" (127.0.0.1) failed to boot in download-k3s: no source has the right '
        "SHA-256\n    see the boot log: "
        f"ssh -p {machine.port} admin@127.0.0.1 sudo tail -50 /var/log/cloud-init-output.log"
    ) == failed.text


def test_a_boot_that_had_failed_before_anybody_looked_is_tried_once_more(
    machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    machine.will_report_after_boot(
        report("failed", ("secrets", 1.0), cause="throttled"), report("done", ("secrets", 0.5))
    )
    api.nodes[NAME] = node(NAME)

    with plugin(FastClock(), BOOT_PROGRAM) as rpc:
        _, outputs = rpc.create(NODE, node_inputs())

    assert outputs["bootReport"]["state"] == "done"


def test_a_machine_set_up_by_an_older_node_configuration_is_set_up_again(
    machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    machine.will_report_after_boot(report(), report("done", ("identity", 0.5)))
    api.nodes[NAME] = node(NAME)
    newer = copy.deepcopy(NODE_CONFIG)
    newer["pool"]["k3s"]["version"] = "v1.36.6+k3s1"

    with plugin(FastClock(), BOOT_PROGRAM) as rpc:
        _, outputs = rpc.create(NODE, node_inputs(nodeConfig=newer))

    assert machine_files.has_config(machine.content_of("etc/k3s-aws/node.json"), newer)
    assert outputs["bootReport"]["phases"][0]["seconds"] == 0.5


def test_a_boot_that_failed_with_an_older_node_configuration_is_repeated_with_ours(
    machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    done = report("done", ("datastore", 0.5))
    machine.will_report_after_boot(done, done)
    machine.will_report(
        report("running", ("download-k3s", None)),
        report("failed", ("datastore", 1.0), cause="this machine has none"),
        done,
    )
    api.nodes[NAME] = node(NAME)
    newer = copy.deepcopy(NODE_CONFIG)
    newer["own"]["dataVolume"] = "vol-0123456789abcdef0"

    with plugin(FastClock(), BOOT_PROGRAM) as rpc:
        _, outputs = rpc.create(NODE, node_inputs(nodeConfig=newer))

    assert outputs["bootReport"]["state"] == "done"
    assert machine_files.has_config(machine.content_of("etc/k3s-aws/node.json"), newer)


def test_the_report_of_the_instance_before_is_not_taken_for_ours(
    rpc: Rpc, machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    machine.will_report(report(instance_id="i-before"), report())
    api.nodes[NAME] = node(NAME)

    rpc.create(NODE, node_inputs())

    assert f'agent {NAME}: instance "i-before" still has the address' in rpc.reported.progress_lines


def test_the_deadline_reports_what_is_missing_since_when_and_where_to_look(
    rpc: Rpc, machine: FakeMachine, node_inputs: MakeInputs
) -> None:
    machine.will_report(None)

    failed = _failure(rpc, node_inputs(deadlineSeconds=30))

    assert failed.code == "DEADLINE_EXCEEDED"
    assert (
        f'node "{NAME}" (127.0.0.1) is not Ready after 30 s\n'
        "    last seen: waiting for cloud-init\n    see the boot log: "
        f"ssh -p {machine.port} admin@127.0.0.1 sudo tail -50 /var/log/cloud-init-output.log"
    ) == failed.text


def test_a_machine_that_never_responds_ends_at_the_deadline(
    rpc: Rpc, node_inputs: MakeInputs
) -> None:
    inputs = node_inputs(deadlineSeconds=5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        failed = _failure(rpc, {**inputs, "ssh": {**inputs["ssh"], "port": port}})

    assert failed.code == "DEADLINE_EXCEEDED"
    assert failed.text.startswith(f'node "{NAME}" (127.0.0.1) is not Ready after 5 s\n')
    assert failed.text.endswith(
        "its console output: aws ec2 get-console-output --latest --output text "
        f"--instance-id {inputs['instanceId']}"
    )


def test_a_node_that_is_not_ready_is_named_with_its_condition(
    rpc: Rpc, machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    machine.will_report(report("done", ("start-k3s", 4.0)))
    api.nodes[NAME] = node(NAME, ready="False", reason="KubeletNotReady")

    failed = _failure(rpc, node_inputs(deadlineSeconds=30))

    assert (
        f'node "{NAME}" (127.0.0.1) is not Ready after 30 s\n'
        "    last seen: boot done, condition Ready is False: KubeletNotReady: KubeletNotReady it "
        "says\n    see k3s's log: "
        f"ssh -p {machine.port} admin@127.0.0.1 sudo journalctl -u k3s-agent -n 50 --no-pager"
    ) == failed.text


def test_a_machine_whose_node_object_was_deleted_registers_again(
    rpc: Rpc, machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    machine.will_report(report())
    started = threading.Thread(target=_bring_back_when_restarted, args=(machine, api), daemon=True)
    started.start()

    rpc.create(NODE, node_inputs())
    started.join()

    assert machine.systemctl_calls == ["restart --no-block k3s-agent"]


def _bring_back_when_restarted(machine: FakeMachine, api: FakeApi) -> None:
    while not machine.systemctl_calls:
        time.sleep(0.01)
    api.nodes[NAME] = node(NAME)


def test_the_api_of_another_cluster_is_an_error(
    rpc: Rpc, machine: FakeMachine, node_inputs: MakeInputs, other_authority: Mapping[str, Any]
) -> None:
    inputs = node_inputs()
    untrusted = {
        **inputs["api"],
        "serverCaCertificate": other_authority["serverCaCertificate"],
    }
    machine.will_report(report())

    failed = _failure(rpc, {**inputs, "api": untrusted})

    assert failed.code == "FAILED_PRECONDITION"
    assert failed.text.startswith(f"another cluster responds at {inputs['api']['endpoint']}: ")


def test_a_connection_that_is_lost_is_made_again(
    rpc: Rpc, machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    machine.will_report(report("running", ("identity", None)))
    dropped = threading.Thread(target=_drop_once, args=(machine,), daemon=True)
    dropped.start()
    api.nodes[NAME] = node(NAME)

    rpc.create(NODE, node_inputs())
    dropped.join()

    assert machine.connections == 2


def _drop_once(machine: FakeMachine) -> None:
    while not machine.commands:
        time.sleep(0.01)
    machine.drop_connections()
    machine.will_report(report())


def test_cancelling_ends_the_wait_long_before_its_deadline(
    machine: FakeMachine, node_inputs: MakeInputs
) -> None:
    machine.will_report(None)
    with plugin(SystemClock()) as rpc:
        results: list[Failed] = []
        waiting = threading.Thread(
            target=lambda: results.append(_failure(rpc, node_inputs())), daemon=True
        )
        waiting.start()
        while not machine.commands:
            time.sleep(0.01)
        began = time.monotonic()
        rpc.cancel()
        waiting.join(60)
        took = time.monotonic() - began

    assert took < 30
    assert results[0].code == "CANCELLED"
    assert results[0].text.startswith("cancelled after ")


def test_cancelling_does_not_wait_for_a_silent_machine(
    node_inputs: MakeInputs,
) -> None:
    inputs = node_inputs()
    with socket.create_server(("127.0.0.1", 0)) as silent, plugin(SystemClock()) as rpc:
        port = silent.getsockname()[1]
        results: list[Failed] = []
        silenced = {**inputs, "ssh": {**inputs["ssh"], "port": port}}
        waiting = threading.Thread(
            target=lambda: results.append(_failure(rpc, silenced)), daemon=True
        )
        waiting.start()
        connection, _ = silent.accept()
        began = time.monotonic()
        rpc.cancel()
        waiting.join(60)
        took = time.monotonic() - began
        connection.close()

    # Without it the wait would end with the time-out of the banner.
    assert took < 8
    assert results[0].code == "CANCELLED"


def test_a_preview_connects_to_nothing(
    rpc: Rpc, machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    inputs = node_inputs(instanceId=UNKNOWN)

    identity, outputs = rpc.create(NODE, inputs, preview=True)

    assert identity == ""
    computed = ("bootReport", "kubeletVersion", "architecture", "internalIp", "readySeconds")
    assert dict.fromkeys(computed, UNKNOWN) == {key: outputs[key] for key in computed}
    assert UNKNOWN is outputs["instanceId"]
    assert machine.connections == 0
    assert api.calls == []


def test_the_keys_of_a_node_are_secret_outputs(
    rpc: Rpc, machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    inputs = node_inputs()
    machine.will_report(report())
    api.nodes[NAME] = node(NAME)

    _, outputs = rpc.create(NODE, inputs)

    assert Secret(inputs["ssh"]["privateKey"]) == outputs["ssh"]["privateKey"]
    assert Secret(inputs["api"]["clientKey"]) == outputs["api"]["clientKey"]
    assert inputs["ssh"]["host"] == outputs["ssh"]["host"]


def test_a_cause_that_quotes_a_key_is_reported_without_it(
    rpc: Rpc, machine: FakeMachine, node_inputs: MakeInputs
) -> None:
    inputs = node_inputs()
    line = inputs["ssh"]["privateKey"].splitlines()[2]
    machine.will_report(
        report("running", ("secrets", None)),
        report("failed", ("secrets", 1.0), cause=f"odd answer {line}"),
    )

    failed = _failure(rpc, inputs)

    assert "odd answer [secret]" in failed.text
    assert line not in failed.text


PASSWORD = "hunter2"
REGISTRY_AUTH = json.dumps({"registry.example": {"username": "puller", "password": PASSWORD}})


def test_a_short_password_of_a_registry_is_in_no_message_and_no_output(
    machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    basic = base64.b64encode(f"puller:{PASSWORD}".encode()).decode()
    inputs = node_inputs(secrets=Secret(json.dumps({"registryAuth": REGISTRY_AUTH})))
    journal = f'k3s: password: "{PASSWORD}"\nAuthorization: Basic {basic}\n' + "x" * 480 + PASSWORD
    failing = [report("running", ("a", None)), report("failed", ("b", 1.0), cause=journal)]
    machine.will_report(*failing)
    with plugin(FastClock()) as rpc:
        failed = _failure(rpc, inputs)
        machine.will_report(report("done", (f"is {PASSWORD}", 1.0), cause=journal))
        api.nodes[NAME] = node(NAME)
        _, outputs = rpc.create(NODE, inputs)
        reported = [*rpc.reported.progress_lines, *rpc.reported.warnings]
    for text in (failed.text, json.dumps(outputs["bootReport"]), *reported):
        assert PASSWORD not in text
        assert basic not in text
    assert 'password: "[secret]"' in failed.text


@pytest.mark.parametrize("mark", [*sorted(UNKNOWN_MARKS), "4dabf18193072939515e22adb298388d"])
def test_what_a_machine_writes_does_nothing_to_the_engine_the_terminal_or_the_state(
    rpc: Rpc, machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs, mark: str
) -> None:
    asset = {"4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17", "path": "/x"}
    content = json.loads(report("done", ("\x1b]0;a\x07\n::add-mask::x", 1.0), ("<{%x%}>", 2.0)))
    content |= {"role": mark, "x": asset, **asset}
    content["k3s"] |= {"version": mark, **asset}
    machine.will_report(json.dumps(content))
    hostile = node(NAME)
    hostile["status"]["nodeInfo"] = {"kubeletVersion": mark, "architecture": mark}
    api.nodes[NAME] = hostile

    _, outputs = rpc.create(NODE, node_inputs())

    computed = {key: outputs[key] for key in ("bootReport", "kubeletVersion", "architecture")}
    text = str(computed)
    assert "4dabf18193072939515e22adb298388d" not in text.replace(mark, "")
    assert UNKNOWN not in (computed["kubeletVersion"], *computed["bootReport"].values())
    assert set(computed["bootReport"]) == {*content} - {"x", *asset}
    assert [each["name"] for each in computed["bootReport"]["phases"]] == [
        "?]0;a? : :add-mask::x",
        "< {%x%}>",
    ]
    for line in rpc.reported.progress_lines:
        assert line.isprintable()
        assert "::add-mask" not in line.replace(": :add-mask", "")
        assert "<{%" not in line


def test_a_boot_report_is_under_the_name_of_its_node_whatever_it_names(
    rpc: Rpc, machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    machine.will_report(report(node=""))
    api.nodes[NAME] = node(NAME)

    _, outputs = rpc.create(NODE, node_inputs())

    assert outputs["bootReport"]["node"] == NAME


@pytest.mark.parametrize("password", ["done", "seconds", "2026", "null", "schema"])
def test_a_password_that_is_a_word_of_the_report_breaks_no_report(
    rpc: Rpc, machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs, password: str
) -> None:
    auth = json.dumps({"registry.example": {"username": "puller", "password": password}})
    machine.will_report(report("done", ("start-k3s", 1.0)))
    api.nodes[NAME] = node(NAME)

    _, outputs = rpc.create(NODE, node_inputs(secrets=Secret(json.dumps({"registryAuth": auth}))))

    assert outputs["bootReport"] == json.loads(report("done", ("start-k3s", 1.0)))
