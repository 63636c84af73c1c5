"""The provider protocol: checks, diffs, secrets, previews, and what a fault becomes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent import futures
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2

from cluster.version import VERSION
from provider.protocol.engine import Engine
from provider.protocol.properties import Fields, Group, required
from provider.protocol.values import (
    UNKNOWN,
    UNKNOWN_MARKS,
    Secret,
    decode,
    encode,
    mark_secrets,
    unwrap_secrets,
)
from provider.resources import K3sProvider
from provider.resources.token import Token
from tests.provider.conftest import NODE_CONFIG
from tests.provider.fake_machine import FakeMachine
from tests.provider.rpc import Failed, Rpc

NODE = "k3s:index:Node"
TOKEN = "k3s:index:Token"
NOTHING = empty_pb2.Empty()
RESOURCES = K3sProvider().resources
Inputs = dict[str, Any]
MakeInputs = Callable[..., Inputs]


def test_the_plugin_accepts_secrets_and_previews(rpc: Rpc) -> None:
    shaken = rpc.stub.Handshake(provider_pb2.ProviderHandshakeRequest(engine_address="x"))
    configured = rpc.stub.Configure(provider_pb2.ConfigureRequest())

    assert shaken.accept_secrets
    assert shaken.accept_resources
    assert configured.acceptSecrets
    assert configured.acceptResources
    assert configured.supportsPreview


def test_the_plugin_has_a_version_and_can_be_attached_to(rpc: Rpc) -> None:
    assert rpc.stub.GetPluginInfo(NOTHING).version == VERSION
    rpc.stub.Attach(plugin_pb2.PluginAttach(address="127.0.0.1:1"))


def test_good_inputs_pass_and_come_back_with_their_keys_secret(
    rpc: Rpc, machine: FakeMachine, node_inputs: MakeInputs
) -> None:
    inputs = node_inputs()

    checked, failures = rpc.check(NODE, inputs)

    assert failures == {}
    assert checked["ssh"]["privateKey"] == Secret(inputs["ssh"]["privateKey"])
    assert checked["api"]["clientKey"] == Secret(inputs["api"]["clientKey"])
    assert checked["nodeConfig"] == inputs["nodeConfig"]
    assert machine.connections == 0


def test_every_failure_of_the_inputs_is_reported_at_once_with_its_path(
    rpc: Rpc, node_inputs: MakeInputs
) -> None:
    good = node_inputs(role="boss", deadlineSeconds=0, drainSecond=3, nodeConfig="[]")
    del good["drainSeconds"]
    good["ssh"] |= {"port": 70000, "privateKey": "no key", "hostKey": "ssh-rsa AAAA"}
    good["ssh"] |= {"previousHostKey": "ssh-rsa AAAA", "enabled": "yes"}
    good["api"] = "https://203.0.113.10:6443"

    _, failures = rpc.check(NODE, good)

    assert failures == {
        "role": 'must be one of server, agent, found "boss"\n    "server" or "agent"',
        "ssh.enabled": 'expected a boolean, found "yes"\n    true or false',
        "ssh.port": "70000 is not a valid port\n    usually 22",
        "ssh.privateKey": "is not a private key in OpenSSH's form\n    use privateKey of an SshKey",
        "ssh.hostKey": (
            "is not an ssh-ed25519 public key\n"
            "    use publicKey of the SshKey that the machine was given"
        ),
        "ssh.previousHostKey": (
            "is not an ssh-ed25519 public key\n    use previousPublicKey of the machine's SshKey"
        ),
        "api": (
            "expected an object\n"
            "    Endpoint of the Kubernetes API and the client certificate for it."
        ),
        "nodeConfig": (
            "is not a node configuration of schema 2\n    use what cluster/node_config builds"
        ),
        "deadlineSeconds": "0 is less than 1\n    such as 600",
        "drainSeconds": "is missing\n    such as 120",
        "drainSecond": 'unknown property\n    did you mean "drainSeconds"?',
    }


def test_an_unknown_input_is_not_a_failure(rpc: Rpc, node_inputs: MakeInputs) -> None:
    inputs = node_inputs(instanceId=UNKNOWN, api=UNKNOWN)
    inputs["ssh"] = {**inputs["ssh"], "host": UNKNOWN, "privateKey": Secret(UNKNOWN)}

    _, failures = rpc.check(NODE, inputs)

    assert failures == {}


def test_a_wrong_secret_is_not_quoted(rpc: Rpc, node_inputs: MakeInputs) -> None:
    inputs = node_inputs()
    inputs["ssh"] = {**inputs["ssh"], "privateKey": 123456789}

    _, failures = rpc.check(NODE, inputs)

    assert failures == {"ssh.privateKey": "expected a string\n    use privateKey of an SshKey"}


def test_the_same_inputs_are_no_difference(rpc: Rpc, node_inputs: MakeInputs) -> None:
    inputs = node_inputs()
    marked = {**inputs, "ssh": {**inputs["ssh"], "privateKey": Secret(inputs["ssh"]["privateKey"])}}

    diff = rpc.diff(NODE, marked, inputs)

    assert diff.changes == diff.DIFF_NONE
    assert list(diff.diffs) == []


def test_a_change_in_place_names_the_property_inside(rpc: Rpc, node_inputs: MakeInputs) -> None:
    old = node_inputs()
    new = {**old, "ssh": {**old["ssh"], "port": 2222}, "drainSeconds": 1}

    diff = rpc.diff(NODE, old, new)

    assert diff.changes == diff.DIFF_SOME
    assert list(diff.diffs) == ["drainSeconds", "ssh"]
    assert list(diff.replaces) == []
    assert _kinds(diff) == {"drainSeconds": "UPDATE", "ssh.port": "UPDATE"}


@pytest.mark.parametrize("instance", ["i-new", UNKNOWN])
def test_another_instance_replaces_the_node_and_the_new_one_comes_first(
    rpc: Rpc, node_inputs: MakeInputs, instance: Any
) -> None:
    diff = rpc.diff(NODE, node_inputs(), node_inputs(instanceId=instance))

    assert list(diff.replaces) == ["instanceId"]
    assert _kinds(diff) == {"instanceId": "UPDATE_REPLACE"}
    assert not diff.deleteBeforeReplace


def _kinds(diff: Any) -> dict[str, str]:
    kind = provider_pb2.PropertyDiff.Kind
    return {path: kind.Name(each.kind) for path, each in diff.detailedDiff.items()}


@pytest.mark.parametrize(
    ("token", "old", "new", "replaces"),
    [
        ("k3s:index:Token", {"caHash": "a", "userName": "node"}, {"caHash": "b"}, ["caHash"]),
        ("k3s:index:CertificateAuthority", {"name": "a", "expiryDays": 1}, {"name": "b"}, ["name"]),
        ("k3s:index:SshKey", {"comment": "a"}, {"comment": "b"}, []),
        ("k3s:index:Kubeconfig", {"instanceId": "a"}, {"instanceId": "b"}, []),
    ],
)
def test_what_a_change_replaces(
    rpc: Rpc, token: str, old: Mapping[str, Any], new: Mapping[str, Any], replaces: list[str]
) -> None:
    diff = rpc.diff(token, old, {**old, **new})

    assert diff.changes == diff.DIFF_SOME
    assert list(diff.replaces) == replaces


def test_an_input_that_came_in_secret_goes_out_secret(rpc: Rpc) -> None:
    _, outputs = rpc.create("k3s:index:SshKey", {"comment": Secret("hush")})

    assert outputs["comment"] == Secret("hush")


def test_a_resource_that_does_not_exist_is_an_error(rpc: Rpc) -> None:
    with pytest.raises(Failed) as caught:
        rpc.create("k3s:index:Nod", {})

    assert caught.value.code == "FAILED_PRECONDITION"
    assert caught.value.text.startswith('the k3s provider has no resource type "k3s:index:Nod"\n')


def test_a_bug_keeps_its_traceback_in_the_log_and_its_secrets_nowhere(
    rpc: Rpc, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("it was hush-hush-hush")

    monkeypatch.setattr(Token, "create", fail)
    with pytest.raises(Failed) as caught:
        rpc.create(TOKEN, {"caHash": Secret("hush-hush-hush"), "userName": "node"})

    logged = capfd.readouterr().err
    assert caught.value.code == "INTERNAL"
    assert "RuntimeError in Create" in caught.value.text
    assert "hush" not in caught.value.text
    assert "Traceback" in logged
    assert "it was [secret]" in logged
    assert "hush-hush" not in logged


def test_an_import_is_refused(rpc: Rpc) -> None:
    for each in RESOURCES:
        with pytest.raises(Failed) as caught:
            rpc.read(each.token, {}, {})
        assert "cannot be imported\n    let the program create it" in caught.value.text


def test_progress_goes_to_the_resources_row_and_warnings_stay() -> None:
    lines: list[Any] = []

    class Listening(engine_pb2_grpc.EngineServicer):
        def Log(self, request: Any, context: Any) -> Any:
            lines.append(request)
            return NOTHING

    server = grpc.server(futures.ThreadPoolExecutor(1))
    engine_pb2_grpc.add_EngineServicer_to_server(Listening(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    engine = Engine(f"127.0.0.1:{port}")
    engine.progress("urn:a", "download-k3s")
    engine.warn("urn:a", "left behind")
    server.stop(None)

    assert [(each.urn, each.message, each.ephemeral) for each in lines] == [
        ("urn:a", "download-k3s", True),
        ("urn:a", "left behind", False),
    ]
    assert [each.severity for each in lines] == [engine_pb2.INFO, engine_pb2.WARNING]


def test_an_engine_that_is_gone_does_not_stop_a_resource() -> None:
    Engine("127.0.0.1:1").progress("urn:a", "nobody listens")


def test_the_schema_is_json_and_follows_the_same_declarations_as_the_checks(rpc: Rpc) -> None:
    schema = json.loads(rpc.stub.GetSchema(provider_pb2.GetSchemaRequest()).schema)

    assert schema["name"] == "k3s"
    assert sorted(schema["resources"]) == sorted(each.token for each in RESOURCES)
    for each in RESOURCES:
        described = schema["resources"][each.token]
        assert described["description"]
        _assert_described(schema, described["inputProperties"], each.inputs)
        _assert_described(schema, described["properties"], {**each.inputs, **each.outputs})
        assert described["requiredInputs"] == required(each.inputs)
        _, failures = rpc.check(each.token, {})
        assert sorted(failures) == described["requiredInputs"]


def _assert_described(schema: Any, described: Mapping[str, Any], fields: Fields) -> None:
    assert sorted(described) == sorted(fields)
    for key, declared in fields.items():
        assert described[key]["description"]
        if isinstance(declared, Group):
            inner = schema["types"][described[key]["$ref"].removeprefix("#/types/")]
            assert inner["required"] == required(declared.fields)
            _assert_described(schema, inner["properties"], declared.fields)
        else:
            assert described[key].get("secret", False) == declared.secret
            kinds = {"string", "integer", "number", "boolean", "object", "array"}
            assert described[key]["type"] in kinds


def test_values_survive_the_way_to_the_engine_and_back() -> None:
    properties = {
        "text": "a",
        "whole": 3,
        "part": 2.5,
        "yes": True,
        "list": [1, {"deep": Secret("s")}],
        "unknown": UNKNOWN,
        "secret": Secret({"a": UNKNOWN}),
        "object": {"nothing": None},
    }

    assert decode(encode({**properties, "left out": None})) == properties


SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
SIGNATURES = {
    "asset": "c44067f5952c0a294b673a41bacd8c17",
    "archive": "0def7320c3a5731c473e5ecbe6d01bc7",
    "secret": "1b47061264138c4ac30d75fd1eb44270",
    "resource": "5cf8f73096256a8f31e491e813e4eb8e",
    "output": "d0e6a833031e9bbcd3f4e8bde6ca49a4",
    "bytes": "803fd3297a5875dc03ca845dda5d2a98",
    "unheard of": "0123456789abcdef0123456789abcdef",
}


@pytest.mark.parametrize("signature", SIGNATURES.values(), ids=SIGNATURES)
def test_what_looks_like_a_marker_of_the_protocol_is_sent_as_ordinary_data(signature: str) -> None:
    marker = {SIGNATURE_KEY: signature, "path": "/etc/hostname", "value": "x"}
    sent = encode({"at the top": marker, "deep": {"list": [{"a": marker}]}, **marker})

    assert SIGNATURE_KEY not in str(sent)
    received = decode(sent)
    for each in (received["at the top"], received["deep"]["list"][0]["a"], received):
        assert each["path"] == "/etc/hostname"
        assert each["value"] == "x"
        assert len(each) >= 3


@pytest.mark.parametrize("mark", sorted(UNKNOWN_MARKS))
def test_the_text_of_an_unknown_value_is_sent_as_ordinary_text(mark: str) -> None:
    sent = encode({"version": mark, "list": [mark], mark: "key", "secret": Secret(mark)})

    assert mark not in str(sent)
    received = decode(sent)
    assert received["version"] == "(the mark of an unknown value)"
    assert UNKNOWN not in [*received.values(), *received["list"]]


def test_an_asset_of_an_input_comes_back_as_it_was() -> None:
    struct = struct_pb2.Struct()
    asset = {SIGNATURE_KEY: SIGNATURES["asset"], "path": "k3s", "hash": "ab"}
    struct.update({"source": asset, "list": [{"a": asset}]})

    received = decode(struct)

    assert received["source"]["path"] == "k3s"
    assert encode(received) == struct
    assert encode(unwrap_secrets(received)) == struct
    assert encode(mark_secrets(received, [("list",)]))["source"] == struct["source"]


@pytest.mark.parametrize("mark", sorted(UNKNOWN_MARKS))
def test_an_unknown_of_every_type_is_unknown(mark: str) -> None:
    struct = struct_pb2.Struct()
    struct.update({"a": mark})
    assert decode(struct) == {"a": UNKNOWN}


def test_an_output_value_is_what_it_holds() -> None:
    struct = struct_pb2.Struct()
    output = {SIGNATURE_KEY: SIGNATURES["output"]}
    struct.update({"a": {**output, "value": 1}, "b": {**output, "value": "x", "secret": True}})
    struct.update({"c": {**output, "dependencies": []}})
    assert decode(struct) == {"a": 1, "b": Secret("x"), "c": UNKNOWN}


def test_what_the_state_cannot_hold_is_sent_as_text() -> None:
    assert decode(encode({"a": float("nan"), "b": "x\ud800y"})) == {"a": "nan", "b": "x?y"}


def test_a_secret_does_not_show_itself() -> None:
    assert repr(Secret("hush")) == "Secret()"


@pytest.mark.parametrize(
    ("change", "path", "kind"),
    [
        ({"labels": {"tier": "web"}}, "nodeConfig.pool.labels.tier", "ADD"),
        (
            {"labels": {'example.com/"a"': "b"}},
            'nodeConfig.pool.labels["example.com/\\"a\\""]',
            "ADD",
        ),
        (
            {"k3s": {**NODE_CONFIG["pool"]["k3s"], "version": "v1.36.6+k3s1"}},
            "nodeConfig.pool.k3s.version",
            "UPDATE",
        ),
        ({"config": {}}, "nodeConfig.pool.config.max-pods", "DELETE"),
        (
            {"taints": [{"key": "only", "value": "", "effect": "NoSchedule"}]},
            "nodeConfig.pool.taints",
            "ADD",
        ),
    ],
)
def test_a_change_of_the_node_configuration_names_its_field(
    rpc: Rpc, node_inputs: MakeInputs, change: Mapping[str, Any], path: str, kind: str
) -> None:
    new = {**NODE_CONFIG, "pool": {**NODE_CONFIG["pool"], **change}}

    diff = rpc.diff(NODE, node_inputs(), node_inputs(nodeConfig=new))

    assert _kinds(diff) == {path: kind}
    assert (list(diff.diffs), list(diff.replaces)) == (["nodeConfig"], [])


def test_another_deadline_is_no_change_of_the_machine(rpc: Rpc, node_inputs: MakeInputs) -> None:
    diff = rpc.diff(NODE, node_inputs(), node_inputs(deadlineSeconds=5))

    assert _kinds(diff) == {"deadlineSeconds": "UPDATE"}
