"""Who gets in: what a machine may read, its SSH keys, and making all of them anew while it runs."""

from __future__ import annotations

import base64
import io
import json
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import paramiko
import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from localcloud.aws_api.server import STATUS_PATH
from tests.localcloud.operator_policy import denied
from tests.localcloud.stacks import CLUSTER, Stack, local_cloud
from tests.localcloud.waiting import until

pytestmark = pytest.mark.localcloud

UP = ("up", "--yes", "--skip-preview")
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
# Asks SSM as the machine's role, with the boot program's own signing; prints each answer's kind.
ASK_SSM = """
import json, sys, time
sys.path.insert(0, "/opt/k3s-aws")
from boot.aws import Aws
from boot.environment import Environment
from boot.http_client import fetch
from boot.report import Report
from boot.waiting import Wait
environment = Environment()
aws = Aws(environment, Wait(time, time.monotonic() + 600), Report(environment))
region, domain = aws.metadata("placement/region"), aws.metadata("services/domain")
url = f"https://ssm.{region}.{domain}/"
said = {}
for name in sys.argv[1:]:
    for action, wanted in (("GetParameter", {"Name": name}), ("GetParameters", {"Names": [name]})):
        body = json.dumps({**wanted, "WithDecryption": True}).encode()
        headers = {
            "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"AmazonSSM.{action}"
        }
        signed = aws.sign(url, headers, body, "POST", "ssm")
        status, _, text = fetch(url, signed, body=body)
        found = json.loads(text)
        said[f"{action} {name}"] = found.get("__type", "answered").rpartition("#")[2]
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, list[str]]]:
    """A stack after its first `up`, and the calls of AWS that this made."""
    with local_cloud(tmp_path_factory.mktemp("access")) as made:
        stack = made.create("access")
        stack.pulumi(*UP)
        address = stack.endpoint + STATUS_PATH
        with urllib.request.urlopen(address, timeout=10) as response:  # noqa: S310 - loopback
            calls = json.load(response)["calls"]
        yield stack, calls
        stack.pulumi("destroy", "--yes", "--skip-preview")


@pytest.fixture(scope="module")
def stack(started: tuple[Stack, list[str]]) -> Stack:
    return started[0]


def configured(stack: Stack) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]
    return content


def rotate(stack: Stack, *kinds: str) -> None:
    """Raises the numbers of these secrets, which are never lowered, by one."""
    rotation = configured(stack).get("rotation", {})
    stack.configure(rotation={**rotation, **{kind: rotation.get(kind, 1) + 1 for kind in kinds}})


def on_machine(stack: Stack, node: dict[str, Any], *words: str) -> str:
    return stack.docker("exec", f"k3saws-{stack.cloud_id}-{node['instanceId']}", *words)


def shell(stack: Stack, node: dict[str, Any], command: str) -> str:
    return on_machine(stack, node, "sh", "-c", command)


def of_role(stack: Stack, role: str) -> list[dict[str, Any]]:
    return [node for node in stack.nodes() if node["role"] == role]


def in_state(stack: Stack, kind: str, suffix: str) -> dict[str, Any]:
    """The outputs of one resource, its secrets too."""
    output = stack.pulumi("stack", "export", "--show-secrets")
    for each in json.loads(output)["deployment"]["resources"]:
        if each["type"] == kind and each["urn"].endswith(f"::{stack.name}-{suffix}"):
            outputs: dict[str, Any] = each["outputs"]
            return {key: _plain(value) for key, value in outputs.items()}
    raise LookupError(f"{kind} {suffix}")


def _plain(value: Any) -> Any:
    if isinstance(value, dict) and "plaintext" in value:
        return json.loads(value["plaintext"])
    return value


def login_is_refused(stack: Stack, node: dict[str, Any], private_key: str) -> bool:
    with paramiko.Transport((node["publicIp"], 22)) as transport:
        transport.start_client(timeout=10)
        try:
            key = paramiko.Ed25519Key.from_private_key(io.StringIO(private_key))
            transport.auth_publickey("admin", key)
        except paramiko.AuthenticationException:
            return True
        return False


def served_host_key(node: dict[str, Any]) -> str:
    with paramiko.Transport((node["publicIp"], 22)) as transport:
        transport.start_client(timeout=10)
        key = transport.get_remote_server_key()
        return f"{key.get_name()} {key.get_base64()}"


def answer_to(stack: Stack, node: dict[str, Any], path: str, user: str, password: str) -> int:
    """The status the server gives to a join token below /v1-k3s/."""
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    script = (
        "import ssl, sys, urllib.error, urllib.request\n"
        "context = ssl.create_default_context("
        "cafile='/var/lib/rancher/k3s/server/tls/server-ca.crt')\n"
        "request = urllib.request.Request('https://127.0.0.1:6443/v1-k3s/' + sys.argv[1],"
        " headers={'Authorization': 'Basic ' + sys.stdin.read().strip()})\n"
        "try:\n    print(urllib.request.urlopen(request, context=context).status)\n"
        "except urllib.error.HTTPError as error:\n    print(error.code)\n"
    )
    command = f'printf %s {login} | python3 -c "$0" {path}'
    return int(on_machine(stack, node, "sh", "-c", command, script))


def new_key() -> str:
    """An Ed25519 key in OpenSSH's form."""
    return (
        Ed25519PrivateKey.generate()
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
        .decode()
    )


def put_host_key(stack: Stack, node: dict[str, Any], key: str) -> None:
    packed = base64.b64encode(key.encode()).decode()
    shell(
        stack,
        node,
        f"umask 077; echo {packed} | base64 -d >{HOST_KEY}; "
        "systemctl reset-failed ssh; systemctl restart ssh",
    )


@contextmanager
def no_node_is_lost(stack: Stack) -> Iterator[None]:
    """Asks for the nodes all the while: none goes, and afterwards the same ones are Ready."""
    before = {node["name"] for node in stack.nodes()}

    def names() -> set[str]:
        listed = stack.kubectl("get", "nodes", "-o", "name").split()
        return {name.removeprefix("node/") for name in listed}

    # Before and after what is done the API does answer; a short `up` may end with no other sample.
    ended, seen = threading.Event(), [names()]

    def watch() -> None:
        while not ended.wait(1.0):
            # The API restarts in between.
            with suppress(Exception):
                seen.append(names())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
    seen.append(names())
    assert all(before <= sample for sample in seen)
    assert before == {node["name"] for node in stack.nodes()}
    stack.kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=40s")


def test_a_machine_reads_its_own_before_it_has_joined_and_nothing_afterwards(
    stack: Stack,
) -> None:
    _has_nothing_to_read_once_it_has_joined(stack)
    _reads_its_own_and_nothing_else_before(stack)


def test_what_was_given_to_machines_is_rotated_and_no_node_is_lost(stack: Stack) -> None:
    _takes_other_join_tokens(stack)
    _goes_on_where_a_change_of_tokens_was_cut_off(stack)
    _takes_another_login_key(stack)
    _takes_the_operators_login_key(stack)
    _takes_other_host_keys(stack)


def test_the_operators_policy_allows_every_call_of_an_up(
    started: tuple[Stack, list[str]],
) -> None:
    _, calls = started
    assert "ec2:RunInstances" in calls
    assert denied(calls) == []


def _has_nothing_to_read_once_it_has_joined(stack: Stack) -> None:
    names = stack.parameters()
    assert len(names) == 10
    for node in stack.nodes():
        output = json.loads(on_machine(stack, node, "python3", "-c", ASK_SSM, *names))
        assert set(output.values()) == {"AccessDeniedException"}
        assert len(output) == 2 * len(names)


def _reads_its_own_and_nothing_else_before(stack: Stack) -> None:
    """As it was at its boot: without the policy that came when it had joined."""
    iam = stack.client("iam")
    for role in iam.list_roles()["Roles"]:
        for policy in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
            if "deny-parameters" in policy:
                iam.delete_role_policy(RoleName=role["RoleName"], PolicyName=policy)
    names = stack.parameters()
    for node in stack.nodes():
        output = json.loads(on_machine(stack, node, "python3", "-c", ASK_SSM, *names))
        read = {name for name in names if output[f"GetParameters {name}"] == "answered"}
        home = f"/k3s-aws/{stack.name}/{stack.name}/{node['role']}"
        shared = {"token", "authorized-keys"}
        if node["role"] == "server":
            shared |= {"agent-token", "certificate-authority", "datastore"}
        own = {f"{home}/{each}" for each in shared} | {f"{home}/host-keys/{node['privateIp']}"}
        assert read == own
        assert {output[f"GetParameter {name}"] for name in names if name not in own} == {
            "AccessDeniedException"
        }
    # `refresh` sees that they are gone, and they come back.
    stack.pulumi("refresh", "--yes")
    stack.pulumi(*UP)
    _has_nothing_to_read_once_it_has_joined(stack)


def _takes_other_join_tokens(stack: Stack) -> None:
    (server,) = of_role(stack, "server")
    names = {"server": "server", "node": "agent"}

    def passwords() -> dict[str, str]:
        return {
            user: in_state(stack, "k3s:index:Token", name)["password"]
            for user, name in names.items()
        }

    old = passwords()
    rotate(stack, "joinTokens")
    assert "replace" not in stack.summary()
    with no_node_is_lost(stack):
        stack.pulumi(*UP)
    new = passwords()
    paths = {"server": "server-bootstrap", "node": "readyz"}
    for user, path in paths.items():
        assert answer_to(stack, server, path, user, old[user]) == 401
    assert answer_to(stack, server, "readyz", "node", new["node"]) == 200
    # What a server that joins asks first. With SQLite k3s knows who asks, and has nothing to give.
    assert answer_to(stack, server, "server-bootstrap", "server", new["server"]) in (200, 400)
    # The agents' token makes no server of anybody.
    assert answer_to(stack, server, "server-bootstrap", "server", new["node"]) == 401
    assert answer_to(stack, server, "server-bootstrap", "node", new["node"]) == 403
    for agent in of_role(stack, "agent"):
        token = shell(stack, agent, "cat /etc/rancher/k3s/token")
        assert token.strip().endswith(f"::node:{new['node']}")
    # A machine that comes later joins with the new one; the server starts with it.
    pools = configured(stack)["pools"]
    stack.configure(pools=[{**pools[0], "count": pools[0]["count"] + 1}])
    stack.pulumi(*UP)
    shell(stack, server, "systemctl restart k3s")
    stack.kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=40s")
    stack.configure(pools=pools)
    stack.pulumi(*UP)
    stack.pulumi(*UP, "--expect-no-changes")


def _goes_on_where_a_change_of_tokens_was_cut_off(stack: Stack) -> None:
    """As if the power had gone after k3s started with an agent token, before it was told of it."""
    (server,) = of_role(stack, "server")
    reported = "/var/lib/k3s-aws/tokens"
    # What is younger than the datastore by three seconds is taken for a mistake.
    shell(stack, server, f"sleep 4; echo cut-off > /etc/rancher/k3s/agent-token; echo > {reported}")
    shell(stack, server, "systemctl restart k3s")
    shell(stack, server, "systemctl restart --no-block k3s")
    refusal = "newer than datastore and could cause a cluster outage"
    journal = "journalctl -u k3s -n 50 -o cat"
    until(lambda: refusal in shell(stack, server, journal), "k3s started with what it was not told")
    restarts = "systemctl show --property=NRestarts --value k3s"
    until(lambda: int(shell(stack, server, restarts)) >= 3, "systemd does not start k3s again")
    # Any change in place sets it right.
    stack.label_nodes("a")
    stack.pulumi(*UP)
    shell(stack, server, "systemctl restart k3s")
    stack.kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=40s")


def _takes_another_login_key(stack: Stack) -> None:
    old = in_state(stack, "k3s:index:SshKey", "login-key")["privateKey"]
    rotate(stack, "loginKey")
    assert "replace" not in stack.summary()
    with no_node_is_lost(stack):
        stack.pulumi(*UP)
    new = in_state(stack, "k3s:index:SshKey", "login-key")["privateKey"]
    for node in stack.nodes():
        assert login_is_refused(stack, node, old)
        assert not login_is_refused(stack, node, new)
    # A machine that is made again comes up with the new one.
    (agent, *_) = of_role(stack, "agent")
    stack.terminate(agent["instanceId"])
    stack.pulumi("refresh", "--yes")
    stack.pulumi(*UP)
    assert not login_is_refused(stack, of_role(stack, "agent")[0], new)


def _takes_the_operators_login_key(stack: Stack) -> None:
    before = in_state(stack, "k3s:index:SshKey", "login-key")["privateKey"]
    own = new_key()
    stack.pulumi("config", "set", "--secret", "k3s-aws:loginKey", given=own)
    stack.pulumi(*UP)
    for node in stack.nodes():
        assert login_is_refused(stack, node, before)
        assert not login_is_refused(stack, node, own)
    assert own.splitlines()[1] not in stack.pulumi("stack", "export")
    stack.pulumi("config", "rm", "k3s-aws:loginKey")
    stack.pulumi(*UP)
    assert login_is_refused(stack, stack.nodes()[0], own)


def _takes_other_host_keys(stack: Stack) -> None:
    before = {node["name"]: served_host_key(node) for node in stack.nodes()}
    rotate(stack, "hostKeys")
    assert "replace" not in stack.summary()
    with no_node_is_lost(stack):
        stack.pulumi(*UP)
    after = {node["name"]: served_host_key(node) for node in stack.nodes()}
    assert not set(before.values()) & set(after.values())
    assert len(set(after.values())) == len(before)
    stack.pulumi(*UP, "--expect-no-changes")


def test_a_drop_in_of_instance_connect_lets_nobody_in(stack: Stack) -> None:
    """As Ubuntu's images have it: what it tells sshd counts before any file of configuration."""
    (server,) = of_role(stack, "server")
    guest = new_key()
    public = paramiko.Ed25519Key.from_private_key(io.StringIO(guest))
    drop_in = "/usr/lib/systemd/system/ssh.service.d/ec2-instance-connect.conf"
    asked = '-o "AuthorizedKeysCommand /usr/bin/cat /etc/guest" -o "AuthorizedKeysCommandUser root"'
    shell(
        stack,
        server,
        f"echo ssh-ed25519 {public.get_base64()} >/etc/guest; mkdir -p $(dirname {drop_in}); "
        f"printf '[Service]\\nExecStart=\\nExecStart=/usr/sbin/sshd -D {asked}\\n' >{drop_in}; "
        "systemctl daemon-reload; systemctl restart ssh",
    )
    assert not login_is_refused(stack, server, guest)
    stack.label_nodes("b")
    stack.pulumi(*UP)
    assert login_is_refused(stack, server, guest)
    shell(stack, server, f"rm {drop_in} /etc/guest")


def test_the_parameters_move_to_a_key_of_ones_own_and_back(stack: Stack) -> None:
    key = stack.client("kms").create_key()["KeyMetadata"]["Arn"]
    pools = configured(stack)["pools"]
    stack.configure(parameterKmsKeyArn=key)
    assert "replace" not in stack.summary()
    stack.pulumi(*UP)
    assert kms_keys(stack) == {key}
    # A machine that comes now reads its parameters with that key.
    stack.configure(pools=[{**pools[0], "count": pools[0]["count"] + 1}])
    stack.pulumi(*UP)
    stack.configure(pools=pools, parameterKmsKeyArn=None)
    stack.pulumi(*UP)
    assert kms_keys(stack) == {"alias/aws/ssm"}
    stack.pulumi(*UP, "--expect-no-changes")


def kms_keys(stack: Stack) -> set[str]:
    pages = stack.client("ssm").get_paginator("describe_parameters").paginate()
    return {
        each["KeyId"]
        for page in pages
        for each in page["Parameters"]
        if each["Name"].startswith("/k3s-aws/") and each["Type"] == "SecureString"
    }


def test_every_other_host_key_is_refused_with_its_own_message(stack: Stack) -> None:
    one, other = of_role(stack, "agent")
    previous = shell(stack, one, f"cat {HOST_KEY}")
    rotate(stack, "hostKeys")
    stack.pulumi(*UP)
    right = shell(stack, one, f"cat {HOST_KEY}")
    assert right != previous
    for change, (key, output) in enumerate(
        {
            shell(stack, other, f"cat {HOST_KEY}"): "another machine of this cluster responds at",
            previous: "had before it was replaced or its key rotated",
            new_key(): "another machine responds at",
        }.items()
    ):
        put_host_key(stack, one, key)
        stack.label_nodes(f"c{change}", servers=False)
        assert output in stack.pulumi(*UP, fails=True)
    shell(stack, one, f"rm {HOST_KEY}; systemctl restart ssh || true")
    stack.configure(nodeDeadlineSeconds=60)
    reported = stack.pulumi(*UP, fails=True)
    assert "is not Ready after 60 s" in reported
    assert "last seen: SSH" in reported
    put_host_key(stack, one, right)
    stack.configure(nodeDeadlineSeconds=600)
    stack.pulumi(*UP)


def test_what_works_without_ssh_and_what_is_refused(stack: Stack) -> None:
    network, pools = configured(stack)["network"], configured(stack)["pools"]
    stack.configure(network={**network, "sshAllowedCidrs": []})
    stack.pulumi(*UP)
    node = stack.nodes()[0]
    with pytest.raises(TimeoutError):
        socket.create_connection((node["publicIp"], 22), timeout=2)
    stack.pulumi(*UP, "--expect-no-changes")
    stack.pulumi("refresh", "--yes", "--expect-no-changes")
    # Another machine joins, and goes again.
    stack.configure(pools=[{**pools[0], "count": pools[0]["count"] + 1}])
    stack.pulumi(*UP)
    assert len(stack.kubectl("get", "nodes", "-o", "name").split()) == len(stack.nodes())
    # What has to be brought to a machine that runs is refused at the preview.
    stack.configure(pools=[{**pools[0], "labels": {"example.com/a": "b"}}])
    output = stack.pulumi("preview", fails=True)
    refusal = "cluster.network.sshAllowedCidrs: is empty, and this change needs SSH to"
    assert refusal in output
    # Other keys as well, with or without a preview; switched on again, a machine gets them all.
    rotate(stack, "loginKey")
    output = stack.pulumi(*UP, fails=True)
    assert refusal in output
    rotate(stack, "loginKey", "hostKeys", "joinTokens")
    stack.configure(network=network)
    stack.pulumi(*UP)
    stack.pulumi(*UP, "--expect-no-changes")
    labelled = stack.kubectl("get", "nodes", "-l", "example.com/a=b", "-o", "name").split()
    assert len(labelled) == pools[0]["count"]
