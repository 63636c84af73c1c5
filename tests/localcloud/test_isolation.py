"""Who reaches what on a running cluster: tried from inside and outside, not read from a table."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from typing import Any

import pytest
import yaml

from tests.localcloud.running_cluster import (
    HERE,
    PROBE,
    Machine,
    Place,
    RunningCluster,
    machines_of,
)
from tests.localcloud.stacks import CLUSTER, Stack, local_cloud
from tests.localcloud.waiting import until

pytestmark = pytest.mark.localcloud

UP = ("up", "--yes", "--skip-preview")
# In the subnet of the machines; the last addresses are no machine's.
GATEWAY, STRANGER = 1, -5
TUNNEL = 8472


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    with local_cloud(tmp_path_factory.mktemp("isolation")) as made:
        stack = made.create("isolation")
        stack.pulumi(*UP)
        yield RunningCluster(stack, machines_of(stack))


@pytest.fixture(scope="module")
def stranger(cluster: RunningCluster) -> Iterator[Place]:
    """A machine on the same network that is in no security group."""
    stack = cluster.stack
    member = cluster.server.words[-1]
    (seen,) = json.loads(stack.docker("inspect", member))
    (on,) = seen["NetworkSettings"]["Networks"]
    where = ["--network", on, "--ip", address_in_subnet(cluster, STRANGER), "--entrypoint", "sleep"]
    what = [seen["Config"]["Image"], "infinity"]
    name = stack.docker("run", "--detach", "--rm", *where, *what).strip()
    yield Place(["docker", "exec", "-i", name])
    stack.docker("rm", "--force", name)


def address_in_subnet(cluster: RunningCluster, number: int) -> str:
    return str(ip_network(f"{cluster.server.private}/20", strict=False)[number])


def test_of_all_tcp_ports_those_answer_that_a_rule_opens(
    cluster: RunningCluster, stranger: Place
) -> None:
    """
    Accepted or reset is let through; what a security group closes never answers.

    No two machines try each other: what one sent would let in the other's as an answer to it.
    """
    server, (agent, other) = cluster.server, cluster.agents
    pairs: list[tuple[str, Place, Machine | None, Machine]] = [
        ("agent to server", agent, agent, server),
        ("server to agent", server, server, other),
        ("agent to agent", other, other, agent),
        ("outside to server", HERE, None, server),
        ("outside to agent", HERE, None, agent),
    ]

    def scan(pair: tuple[str, Place, Machine | None, Machine]) -> tuple[str, list[int]]:
        name, place, source, target = pair
        address = target.public if source is None else target.private
        control = max(cluster.admits(target, source, "tcp"))
        return name, answering(place, address, address, control)

    def scan_from_stranger(target: Machine) -> list[int]:
        # Its own router is all that is sure to answer.
        return answering(stranger, target.private, address_in_subnet(cluster, GATEWAY), 1)

    with ThreadPoolExecutor(2) as side_by_side:
        found = dict(side_by_side.map(scan, pairs))
        of_strangers = list(side_by_side.map(scan_from_stranger, [server, agent]))
    assert found == {
        name: sorted(cluster.admits(target, source, "tcp")) for name, _, source, target in pairs
    }
    assert found == {
        "agent to server": [6443, 10250],
        "server to agent": [10250],
        "agent to agent": [10250],
        "outside to server": [22, 6443],
        "outside to agent": [22],
    }
    assert of_strangers == [[], []]


def answering(place: Place, address: str, control: str, port: int) -> list[int]:
    """The ports that answer, all controls among the attempts having done so."""
    seen = place.probe("tcp", address, control, port)
    asked, answered = seen["controls"]
    assert answered == asked > 100
    assert set(seen["found"].values()) <= {"accepted", "reset"}
    return sorted(map(int, seen["found"]))


def test_of_all_datagrams_only_the_tunnels_arrive(cluster: RunningCluster, stranger: Place) -> None:
    """
    And no request for an echo. The host at the gateway's address is the outside.

    No two machines send to each other: what one sent would let in the other's as an answer to it.
    """
    server, (agent, other) = cluster.server, cluster.agents
    for target, sources in ((server, [agent]), (other, [server, agent])):
        with target.probing("hear") as received:
            sent = {
                each.private: each.probe("send", target.private, TUNNEL)["controls"]
                for each in sources
            }
            stranger.probe("send", target.private, TUNNEL)
            HERE.run(sys.executable, "-c", PROBE, "send", target.private, str(TUNNEL))
            target.probe("echo", target.private)
        assert all(cluster.admits(target, each, "udp") == {TUNNEL} for each in sources)
        for source, number in sent.items():
            # A node's own tunnel may speak in between.
            assert received["udp"][source][str(TUNNEL)] >= number > 100
        assert {port for each in received["udp"].values() for port in each} == {str(TUNNEL)}
        outside = {address_in_subnet(cluster, each) for each in (GATEWAY, STRANGER)}
        assert not outside & set(received["udp"])
        # Its own echo, so another would have been heard.
        assert received["echoes"] == [target.private]


def test_no_machine_has_an_address_that_the_rules_do_not_know(cluster: RunningCluster) -> None:
    for machine in cluster.machines:
        listed = json.loads(machine.run("ip", "-json", "address", "show", "dev", "eth0"))
        addresses = [each["local"] for each in listed[0]["addr_info"]]
        assert addresses == [machine.private]


# What a container network does: a network behind the machine, its packets sent on as the machine's.
POD = """
ip netns add pod
ip link add pod0 type veth peer name eth0 netns pod
ip address add 10.42.250.1/24 dev pod0
ip link set pod0 up
ip -n pod address add 10.42.250.2/24 dev eth0
ip -n pod link set eth0 up
ip -n pod route add default via 10.42.250.1
test "$(cat /proc/sys/net/ipv4/ip_forward)" = 1
iptables -t nat -A POSTROUTING -s 10.42.250.0/24 ! -d 10.42.0.0/16 -j MASQUERADE
"""
WITHOUT_POD = """
iptables -t nat -D POSTROUTING -s 10.42.250.0/24 ! -d 10.42.0.0/16 -j MASQUERADE
ip link delete pod0
ip netns delete pod
"""
ASK = """
import http.client, sys
connection = http.client.HTTPConnection("169.254.169.254", timeout=2)
method, path, *header = sys.argv[1:]
try:
    connection.request(method, path, headers=dict([header] if header else []))
    answer = connection.getresponse()
    print(answer.status, answer.read().decode())
except TimeoutError:
    print("no answer")
"""
TTL = ("X-aws-ec2-metadata-token-ttl-seconds", "60")
TOKEN = ("PUT", "/latest/api/token", *TTL)
CREDENTIALS = ("GET", "/latest/meta-data/iam/security-credentials/")


@pytest.fixture
def pod(cluster: RunningCluster) -> Iterator[Place]:
    agent = cluster.agents[0]
    agent.run("sh", "-ec", POD)
    yield Place([*agent.words, "ip", "netns", "exec", "pod"])
    agent.run("sh", "-c", WITHOUT_POD)


def asked(place: Place, *words: str) -> tuple[str, str]:
    """Status and body of the metadata service, asked from there."""
    status, _, body = place.run("python3", "-c", ASK, *words).strip().partition(" ")
    return status, body


def test_a_pod_gets_no_session_of_the_metadata_service(cluster: RunningCluster, pod: Place) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html"""
    agent = cluster.agents[0]
    assert asked(pod, *TOKEN) == ("no", "answer")
    assert asked(pod, *CREDENTIALS) == ("401", "")
    status, token = asked(agent, *TOKEN)
    assert status == "200"
    session = ("X-aws-ec2-metadata-token", token)
    assert asked(agent, *CREDENTIALS) == ("401", "")
    status, role = asked(agent, *CREDENTIALS, *session)
    assert (status, bool(role)) == ("200", True)
    # It is the hop that ends it: with one more the pod has a session and the credentials.
    limit_hops(cluster, 2)
    status, token = asked(pod, *TOKEN)
    assert status == "200"
    session = ("X-aws-ec2-metadata-token", token)
    assert "SecretAccessKey" in asked(pod, CREDENTIALS[0], CREDENTIALS[1] + role, *session)[1]
    limit_hops(cluster, 1)
    assert asked(pod, *TOKEN) == ("no", "answer")


def limit_hops(cluster: RunningCluster, number: int) -> None:
    # moto forgets what is not said again.
    cluster.stack.client("ec2").modify_instance_metadata_options(
        InstanceId=cluster.agents[0].instance_id,
        HttpEndpoint="enabled",
        HttpTokens="required",
        HttpPutResponseHopLimit=number,
    )


def test_a_pod_reaches_the_cluster_as_its_machine_does(cluster: RunningCluster, pod: Place) -> None:
    """So what it does not get from the metadata service is not for want of a network."""
    seen = pod.run(
        "python3",
        "-c",
        "import socket, sys; print(socket.create_connection((sys.argv[1], 6443), 3).getpeername())",
        cluster.server.private,
    )
    assert cluster.server.private in seen


def test_ec2_describes_encrypted_volumes_and_required_sessions(cluster: RunningCluster) -> None:
    ec2 = cluster.stack.client("ec2")
    ids = [each.instance_id for each in cluster.machines]
    listed = ec2.describe_instances(InstanceIds=ids)["Reservations"]
    instances = [each for reservation in listed for each in reservation["Instances"]]
    assert len(instances) == 3
    volumes = [
        device["Ebs"]["VolumeId"] for each in instances for device in each["BlockDeviceMappings"]
    ]
    # The root volumes, and the data volume of the server.
    assert len(volumes) == 4
    for volume in ec2.describe_volumes(VolumeIds=volumes)["Volumes"]:
        assert volume["Encrypted"] is True
    for instance in instances:
        options = instance["MetadataOptions"]
        assert options["HttpTokens"] == "required"
        assert options["HttpPutResponseHopLimit"] == 1
        assert options["HttpEndpoint"] == "enabled"


SEARCH = (
    "grep -rslF -D skip -f - /etc /var /run /home /root /tmp /opt "
    "/proc/[0-9]*/cmdline /proc/[0-9]*/environ || test $? -le 2"
)
NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups "
REPORT = "/var/lib/k3s-aws/report.json"
# Root's own folder: who is not root does not come to what is below.
CLOSED = "/var/lib/rancher/k3s/server"
CLOSED_FILES = {"/etc/k3s-aws/node.json", "/etc/rancher/k3s/config.yaml"}
SECRET_FILES = {
    "/etc/rancher/k3s/token",
    "/etc/rancher/node/password",
    "/etc/ssh/ssh_host_ed25519_key",
}
SECRET_FILES_OF_SERVERS = {
    "/etc/rancher/k3s/agent-token",
    "/etc/rancher/k3s/k3s.yaml",
    f"{CLOSED}/tls/client-ca.key",
    f"{CLOSED}/tls/server-ca.key",
    f"{CLOSED}/token",
}


def test_every_file_with_a_secret_is_roots_alone(cluster: RunningCluster) -> None:
    for machine in cluster.machines:
        needles = secrets_of(cluster.stack, machine)
        found = set(machine.run("sh", "-c", SEARCH, stdin="\n".join(needles)).split())
        is_server = machine.role == "server"
        assert found >= SECRET_FILES | (SECRET_FILES_OF_SERVERS if is_server else set())
        files = [each for each in found | CLOSED_FILES if not each.startswith("/proc/")]
        listed = machine.run("stat", "--format=%a %U %G %n", *files).splitlines()
        assert len(listed) == len(files) >= 5
        wider = [line for line in listed if not line.startswith("600 root root /")]
        assert [line for line in wider if CLOSED not in line] == []
        if is_server:
            assert machine.run("stat", "--format=%a %U %G", CLOSED) == "700 root root\n"


def test_a_process_that_is_not_root_finds_no_secret(cluster: RunningCluster) -> None:
    """In files, arguments and environments: the values themselves are looked for."""
    for machine in cluster.machines:
        needles = secrets_of(cluster.stack, machine)
        # What it may read is searched: the instance's id is in the report for all.
        searched = machine.run("sh", "-c", NOBODY + SEARCH, stdin=machine.instance_id).split()
        assert REPORT in searched
        assert machine.run("sh", "-c", NOBODY + SEARCH, stdin="\n".join(needles)) == ""


def secrets_of(stack: Stack, machine: Machine) -> set[str]:
    """What must not be seen: the parameters' values and what k3s made itself, line by line."""
    ssm = stack.client("ssm")
    strings = []
    public = ("/authorized-keys", "/datastore")
    for name in (each for each in stack.parameters() if not each.endswith(public)):
        value = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
        held = json.loads(value) if name.endswith("/certificate-authority") else {"": value}
        strings += [text for file, text in held.items() if not file.endswith(".crt")]
    strings.append(machine.run("cat", "/etc/rancher/node/password"))
    if machine.role == "server":
        kubeconfig = yaml.safe_load(machine.run("cat", "/etc/rancher/k3s/k3s.yaml"))
        strings.append(kubeconfig["users"][0]["user"]["client-key-data"])
    # A password stands alone in one place and in a token in another.
    lines = [re.sub(r"^K10.*:", "", line) for text in strings for line in text.splitlines()]
    return {line for line in lines if len(line) >= 16 and not line.startswith("-----")}


# The server's authority is known to every node; who asks is told by a password, a certificate, both
# or neither.
ASK_SERVER = """
import base64, http.client, ssl, sys
address, path, login, *certificate = sys.argv[1:]
trust = ssl.create_default_context(cafile="/var/lib/rancher/k3s/agent/server-ca.crt")
if certificate:
    trust.load_cert_chain(*certificate)
connection = http.client.HTTPSConnection(address, 6443, timeout=5, context=trust)
headers = {"Authorization": "Basic " + base64.b64encode(login.encode()).decode()} if login else {}
connection.request("GET", path, headers=headers)
print(connection.getresponse().status)
"""
KUBELET = "/var/lib/rancher/k3s/agent/client-kubelet"
BOOTSTRAP, READY = "/v1-k3s/server-bootstrap", "/v1-k3s/readyz"


def test_what_an_agent_has_joins_no_server(cluster: RunningCluster) -> None:
    """k3s gives the cluster's keys to a joining server at /v1-k3s/server-bootstrap."""
    server, agent = cluster.server, cluster.agents[0]

    def status(machine: Machine, path: str, login: str, *certificate: str) -> str:
        words = (server.private, path, login, *certificate)
        return machine.run("python3", "-c", ASK_SERVER, *words).strip()

    password = password_of(agent)
    own = (f"{KUBELET}.crt", f"{KUBELET}.key")
    # What an agent joins with does work.
    assert status(agent, READY, f"node:{password}") == "200"
    assert status(agent, BOOTSTRAP, f"node:{password}") == "403"
    assert status(agent, BOOTSTRAP, f"server:{password}") == "401"
    assert status(agent, BOOTSTRAP, "", *own) in ("401", "403")
    assert status(agent, BOOTSTRAP, "") in ("401", "403")
    # With SQLite there is nothing to hand over (400), but it is the server's to ask.
    assert status(server, BOOTSTRAP, f"server:{password_of(server)}") not in ("401", "403")


def password_of(machine: Machine) -> str:
    """The password in the machine's join token."""
    return machine.run("cat", "/etc/rancher/k3s/token").strip().rsplit(":", 1)[-1]


def test_an_agents_kubelet_reads_no_secrets_that_none_of_its_pods_use(
    cluster: RunningCluster,
) -> None:
    """https://kubernetes.io/docs/reference/access-authn-authz/node/"""
    agent = cluster.agents[0]
    kubectl = "k3s kubectl --kubeconfig /var/lib/rancher/k3s/agent/kubelet.kubeconfig"
    assert agent.name in agent.run("sh", "-c", f"{kubectl} get node {agent.name} -o name")
    label = f"label node {cluster.server.name} mark=1"
    for refused in ("get secrets --all-namespaces", "get configmaps", label):
        output = agent.run("sh", "-c", f"{kubectl} {refused} 2>&1 || true")
        assert "orbidden" in output, refused


IMPOSTOR = "/var/lib/impostor"
START_IMPOSTOR = (
    f"systemctl stop k3s && systemd-run --quiet --unit impostor k3s server --data-dir {IMPOSTOR} "
    "--write-kubeconfig /run/impostor.yaml"
)


def test_an_impostor_at_the_servers_address_gets_no_node_and_no_credential(
    cluster: RunningCluster,
) -> None:
    stack, server, agent = cluster.stack, cluster.server, cluster.agents[0]
    server.run("sh", "-ec", START_IMPOSTOR)
    until(lambda: is_ready(server, "/run/impostor.yaml"), "the impostor does not start")
    _refuses_to_join(server, agent)
    pools = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]["pools"]
    server.run("systemctl", "stop", "impostor")
    tls = f"{IMPOSTOR}/server/tls"
    certificate = f"{tls}/serving-kube-apiserver"
    words = (f"{certificate}.crt", f"{certificate}.key", f"{tls}/server-ca.crt")
    with server.probing("impersonate", 6443, *words) as seen:
        stack.configure(pools=[{**pools[0], "count": 3}])
        output = stack.pulumi(*UP, fails=True)
    assert "has another authority than the join token names" in output
    assert "Traceback" not in output
    _was_given_nothing(seen["requests"])
    server.run("sh", "-c", f"rm -r {IMPOSTOR} /run/impostor.yaml; systemctl start k3s")
    until(lambda: is_ready(server, "/etc/rancher/k3s/k3s.yaml"), "k3s does not come back")
    stack.pulumi(*UP)
    assert len(stack.kubectl("get", "nodes", "-o", "name").split()) == 4


def is_ready(server: Machine, kubeconfig: str) -> bool:
    words = ["k3s", "kubectl", "--kubeconfig", kubeconfig, "get", "--raw", "/readyz"]
    done = subprocess.run([*server.words, *words], capture_output=True, text=True, check=False)
    return done.stdout == "ok"


def _refuses_to_join(server: Machine, agent: Machine) -> None:
    """An agent that knows the right authority restarts and says why it does not join."""
    since = agent.run("date", "+@%s").strip()
    agent.run("systemctl", "restart", "--no-block", "k3s-agent")
    journal = ("journalctl", "-u", "k3s-agent", "-o", "cat", "--no-pager", f"--since={since}")
    until(
        lambda: "token CA hash does not match" in agent.run(*journal),
        "the agent says nothing of it",
    )
    listed = server.run(
        "k3s", "kubectl", "--kubeconfig", "/run/impostor.yaml", "get", "nodes", "-o", "name"
    )
    assert agent.name not in listed
    assert password_of(agent) not in server.run(
        "journalctl", "-u", "impostor", "-o", "cat", "--no-pager"
    )


def _was_given_nothing(requests: list[list[Any]]) -> None:
    """All that anybody sent is the question for the authority; the boot program did ask."""
    agents = [headers["User-Agent"] for _, _, headers, _, _ in requests]
    assert any(each.startswith("Python-urllib/") for each in agents)
    for method, path, headers, body, certificate in requests:
        assert (method, path, body, certificate) == ("GET", "/cacerts", "", False)
        assert {name.lower() for name in headers} <= {
            "accept-encoding",
            "connection",
            "host",
            "user-agent",
        }
