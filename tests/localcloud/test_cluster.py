"""The whole way, with the real engine on the local cloud: one cluster, its life told in order."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from ci import credentials
from cluster import outputs
from localcloud.aws_api import public_images
from localcloud.lifecycle import Cloud
from tests.ci import github_runner
from tests.cluster import output_schema
from tests.localcloud.running_cluster import ready_nodes
from tests.localcloud.stacks import CLUSTER, COMMAND_SECONDS, ROOT, Stack, local_cloud
from tests.localcloud.waiting import until

pytestmark = pytest.mark.localcloud


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with local_cloud(tmp_path_factory.mktemp("stack")) as made:
        stack = made.create("life")
        yield stack


def test_the_life_of_a_cluster(stack: Stack) -> None:
    _is_recovered_after_a_kill(stack)
    _goes_on_after_an_interrupt(stack)
    assert len(stack.nodes()) == 3
    _is_ready_and_usable(stack)
    _reports_what_it_is_made_of(stack)
    _has_the_outputs_that_are_declared(stack)
    _connects_a_pipeline_without_a_secret_in_the_log(stack)
    _explains_to_a_pipeline_why_there_is_no_kubeconfig(stack)
    _changes_nothing_when_nothing_changed(stack)
    _replaces_a_terminated_agent(stack)
    _gives_running_nodes_another_label(stack)
    _waits_for_machines_that_restart(stack)
    _changes_back_what_failed(stack)
    _joins_the_agents_to_another_server(stack)
    _replaces_all_machines_for_another_flannel_backend(stack)
    _names_a_wrong_token(stack)
    _refuses_another_host_key(stack)
    _leaves_nothing(stack)
    _reports_a_cloud_that_has_ended(stack)


def _is_recovered_after_a_kill(stack: Stack) -> None:
    run = _up_until_an_instance_exists(stack)
    run.kill()
    run.wait()
    # Nothing that is not written at once: the kill may have come at any moment.
    assert not list(stack.folder.rglob("*.attrs"))
    # An instance's creation takes until it runs: this one stands in no state.
    (reservation, *_) = stack.client("ec2").describe_instances()["Reservations"]
    assert reservation["Instances"][0]["InstanceId"] not in stack.pulumi("stack", "export")
    refused = _recovered(stack)
    # The lock says that a run may be alive.
    assert refused.returncode == 1
    assert "locked by 1 lock" in refused.stderr
    assert _living_instances(stack)
    stack.pulumi("cancel", "--yes")
    recovered = _recovered(stack)
    assert recovered.returncode == 0, recovered.stderr
    assert "removing instance i-" in recovered.stdout
    assert "pending_operations" not in json.loads(stack.pulumi("stack", "export"))["deployment"]


def _recovered(stack: Stack) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "recovery", "--stack", stack.name, "--yes"],
        cwd=ROOT,
        env=dict(stack.environment),
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )


def _goes_on_after_an_interrupt(stack: Stack) -> None:
    run = _up_until_an_instance_exists(stack)
    run.send_signal(signal.SIGINT)
    assert run.wait(60) != 0
    stack.pulumi("up", "--yes", "--skip-preview")


def _start_up(stack: Stack) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", stack.name],
        cwd=ROOT,
        env=dict(stack.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _up_until_an_instance_exists(stack: Stack) -> subprocess.Popen[bytes]:
    run = _start_up(stack)
    deadline = time.monotonic() + COMMAND_SECONDS
    while not _living_instances(stack):
        assert run.poll() is None, "pulumi up ended before it made an instance"
        assert time.monotonic() < deadline, "pulumi up made no instance"
        time.sleep(0.05)
    return run


def _living_instances(stack: Stack) -> list[Any]:
    states = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    found: list[Any] = stack.client("ec2").describe_instances(Filters=states)["Reservations"]
    return found


def _is_ready_and_usable(stack: Stack) -> None:
    assert ready_nodes(stack) == {node["name"]: True for node in stack.nodes()}
    stack.kubectl("create", "deployment", "web", "--image=web", "--replicas=3")
    if stack.pods_run:
        stack.kubectl("rollout", "status", "deployment/web", "--timeout=40s")
    else:
        placed = ("get", "pods", "-o", "jsonpath={.items[*].spec.nodeName}")
        until(lambda: len(stack.kubectl(*placed).split()) == 3, "three pods have a node")
    assert "[secret]" in stack.pulumi("stack", "output", "kubeconfig")
    endpoint = json.loads(stack.pulumi("stack", "output", "apiEndpoint", "--json"))
    assert endpoint in stack.pulumi("stack", "output", "kubeconfig", "--show-secrets")
    for node in stack.nodes():
        machine = f"k3saws-{stack.cloud_id}-{node['instanceId']}"
        show = ("systemctl", "show", "--property=LoadState", "--value")
        for unit in ("apt-daily-upgrade.timer", "unattended-upgrades.service"):
            assert stack.docker("exec", machine, *show, unit).strip() == "masked"
        # 2 would be "done, with recoverable errors", 1 is an error.
        stack.docker("exec", machine, "cloud-init", "status")


def _changes_nothing_when_nothing_changed(stack: Stack) -> None:
    assert set(stack.summary()) == {"same"}
    stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    stack.pulumi("refresh", "--yes", "--expect-no-changes")


def _reports_what_it_is_made_of(stack: Stack) -> None:
    bom = json.loads(stack.pulumi("stack", "output", "bom", "--json"))
    reports = json.loads(stack.pulumi("stack", "output", "bootReport", "--json")).values()
    running = {
        instance["ImageId"]
        for reservation in _living_instances(stack)
        for instance in reservation["Instances"]
    }
    names = {image.ami: image.name for image in public_images.IMAGES}
    reported = {image["id"]: image["name"] for image in bom["images"]}
    assert {ami: names[ami] for ami in running} == reported
    assert {report["k3s"]["sha256"] for report in reports} == set(bom["k3s"]["sha256"].values())


def _has_the_outputs_that_are_declared(stack: Stack) -> None:
    values = json.loads(stack.pulumi("stack", "output", "--json", "--show-secrets"))
    assert output_schema.faults(values) == []
    masked = json.loads(stack.pulumi("stack", "output", "--json"))
    secret = {name for name, value in masked.items() if value == "[secret]"}
    assert secret == {"kubeconfig", "kubeconfig-deployer", "adminKubeconfig"}
    assert secret == {name for name in values if outputs.declared(name).secret}
    printed = _command(stack, "ci", "outputs")
    assert output_schema.pipeline_faults(json.loads(printed)) == []
    assert not [
        each for name in secret for each in credentials.strings(values[name]) if each in printed
    ]
    picture = _command(stack, "timeline", "--output", "/dev/stdout")
    assert all(f">{node['name']}</text>" in picture for node in stack.nodes())


def _connects_a_pipeline_without_a_secret_in_the_log(stack: Stack) -> None:
    kubeconfig = stack.folder / "of a pipeline"
    words = ["--identity", "deployer", "--kubeconfig", str(kubeconfig)]
    report = stack.folder / "connect.env"
    files = {name: str(stack.folder / name) for name in ("GITHUB_ENV", "GITHUB_OUTPUT")}
    bash = _command(stack, "ci", "connect", *words)
    runner = {"GITHUB_ACTIONS": "true", **files}
    masks = _command(stack, "ci", "connect", "--format", "github", *words, environment=runner)
    logs = [
        bash,
        _command(stack, "ci", "connect", "--format", "gitlab", *words, "--dotenv", str(report)),
        github_runner.printed(masks + kubeconfig.read_text()),
    ]
    assert bash.splitlines()[0] == f"export KUBECONFIG='{kubeconfig}'"
    assert "client-key-data: ***" in logs[2]
    secrets = credentials.strings(kubeconfig.read_text())
    assert not [each for each in secrets for log in [*logs, report.read_text()] if each in log]
    done = stack.kubectl_as(kubeconfig, "get", "nodes", "-o", "name")
    assert len(done.stdout.split()) == 3, done.stderr


def _explains_to_a_pipeline_why_there_is_no_kubeconfig(stack: Stack) -> None:
    """With the messages of the real `pulumi`, which the fast tests repeat."""
    connect = ("ci", "connect")
    unknown = _command(stack, *connect, stack_name="nope", status=1)
    assert "no stack named 'nope' found\n    `pulumi stack ls` lists" in unknown
    wrong = _command(stack, *connect, status=1, environment={"PULUMI_CONFIG_PASSPHRASE": "wrong"})
    assert "incorrect passphrase" in wrong
    assert "\n    the secrets need the stack's own passphrase" in wrong
    assert "false" in wrong.splitlines()


def _command(
    stack: Stack,
    *words: str,
    stack_name: str = "",
    status: int = 0,
    environment: Mapping[str, str] | None = None,
) -> str:
    """All that a command for the stack prints."""
    done = subprocess.run(
        [sys.executable, "-m", *words, "--stack", stack_name or stack.name],
        cwd=ROOT,
        env={**stack.environment, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert done.returncode == status, done.stdout
    return done.stdout


def _replaces_a_terminated_agent(stack: Stack) -> None:
    lost = next(node for node in stack.nodes() if node["role"] == "agent")
    stack.terminate(lost["instanceId"])
    stack.pulumi("refresh", "--yes")
    _up_while_a_first_boot_is_cut_off(stack, {node["instanceId"] for node in stack.nodes()})
    names = stack.kubectl("get", "nodes", "-o", "name")
    assert lost["name"] not in names
    assert {f"node/{node['name']}" for node in stack.nodes()} == set(names.split())


def _up_while_a_first_boot_is_cut_off(stack: Stack, known: set[str]) -> None:
    """The new agent restarts while it waits for its server, and goes on by itself."""
    (server,) = (node for node in stack.nodes() if node["role"] == "server")
    stack.docker("exec", stack.machine(server["instanceId"]), "systemctl", "stop", "k3s")
    run = _start_up(stack)
    (new,) = until(lambda: _running_instances(stack) - known, "pulumi up makes an instance")
    read = ("exec", stack.machine(new), "cat", "/var/lib/k3s-aws/report.json")
    report = until(lambda: _report_of(stack.try_docker(*read)), "it waits for its server")
    stack.client("ec2").reboot_instances(InstanceIds=[new])
    began = report["phases"][0]["startedAt"]

    def again() -> bool:
        now = _report_of(stack.try_docker(*read))
        return now is not None and now["phases"][0]["startedAt"] > began

    until(again, "it waits for its server again")
    stack.docker("exec", stack.machine(server["instanceId"]), "systemctl", "start", "k3s")
    assert run.wait(COMMAND_SECONDS) == 0
    state = ("exec", stack.machine(new), "systemctl", "is-enabled", "k3s-aws-boot.service")
    assert stack.try_docker(*state).strip() == "disabled"


def _report_of(text: str) -> dict[str, Any] | None:
    report = json.loads(text or "{}")
    phases = report.get("phases", [])
    return report if phases and phases[-1]["name"] == "wait-for-server" else None


def _running_instances(stack: Stack) -> set[str]:
    return {
        instance["InstanceId"]
        for reservation in _living_instances(stack)
        for instance in reservation["Instances"]
    }


def _gives_running_nodes_another_label(stack: Stack) -> None:
    before = {node["name"] for node in stack.nodes()}
    pools = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]["pools"]
    stack.configure(pools=[{**pools[0], "labels": {"example.com/tier": "web"}}])
    assert stack.summary()["update"] == pools[0]["count"]
    stack.pulumi("up", "--yes", "--skip-preview")
    labelled = stack.kubectl("get", "nodes", "-l", "example.com/tier=web", "-o", "name").split()
    agents = {node["name"] for node in stack.nodes() if node["role"] == "agent"}
    assert {name.removeprefix("node/") for name in labelled} == agents
    assert before == {node["name"] for node in stack.nodes()}
    _k3s_runs_everywhere(stack)


def _waits_for_machines_that_restart(stack: Stack) -> None:
    """Into another instance type. Their Node objects say Ready all the while."""
    before = {node["name"] for node in stack.nodes()}
    content = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]
    stack.configure(pools=[{**content["pools"][0], "instanceType": "t3.medium"}])
    stack.pulumi("up", "--yes", "--skip-preview")
    assert before == {node["name"] for node in stack.nodes()}
    _k3s_runs_everywhere(stack)


def _changes_back_what_failed(stack: Stack) -> None:
    """k3s takes no such key: systemd tries it again and again, on the agents alone."""
    pools = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]["pools"]
    wrong = {"kubelet-arg": ["feature-gates=Nonsense=true"]}
    stack.configure(pools=[{**pools[0], "k3s": wrong}, *pools[1:]])
    output = stack.pulumi("up", "--yes", "--skip-preview", fails=True)
    assert "k3s-agent.service does not start" in output
    stack.configure(pools=pools)
    # The first agent's failure has kept the change from the others.
    assert stack.summary()["update"] == 1
    stack.pulumi("up", "--yes", "--skip-preview")
    _k3s_runs_everywhere(stack)
    stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")


def _k3s_runs_everywhere(stack: Stack) -> None:
    """An agent's unit is activating for up to five minutes; k3s notifies systemd late."""
    for node in stack.nodes():
        unit = "k3s" if node["role"] == "server" else "k3s-agent"
        machine = f"k3saws-{stack.cloud_id}-{node['instanceId']}"
        show = ("systemctl", "show", "-p", "SubState,NRestarts", unit)
        state = dict(line.split("=") for line in stack.docker("exec", machine, *show).split())
        assert state["SubState"] in (("running",) if unit == "k3s" else ("running", "start"))
        # One that fell over before may do so once more while it is restarted.
        assert int(state["NRestarts"]) < 3


def _joins_the_agents_to_another_server(stack: Stack) -> None:
    handed_out = stack.kubeconfig("adminKubeconfig")
    server = next(node for node in stack.nodes() if node["role"] == "server")
    agents = {node["name"] for node in stack.nodes() if node["role"] == "agent"}
    stack.terminate(server["instanceId"])
    # Without the server nobody answers; the instance is what has to be noticed.
    stack.pulumi("refresh", "--yes")
    stack.pulumi("up", "--yes", "--skip-preview")
    names = set(stack.kubectl("get", "nodes", "-o", "name").split())
    assert f"node/{server['name']}" not in names
    assert names == {f"node/{node['name']}" for node in stack.nodes()}
    assert agents < {node["name"] for node in stack.nodes()}
    # The authority is the same, and so is everything it has signed.
    seen = stack.kubectl_as(handed_out, "get", "nodes", "-o", "name")
    assert set(seen.stdout.split()) == names


def _replaces_all_machines_for_another_flannel_backend(stack: Stack) -> None:
    before = {node["name"] for node in stack.nodes()}
    k3s = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]["k3s"]
    stack.configure(k3s={**k3s, "flannelBackend": "host-gw"})
    # An instance and its node for each, and the datastore on the server.
    assert stack.summary()["replace"] == 2 * len(before) + 1
    stack.pulumi("up", "--yes", "--skip-preview")
    after = {node["name"] for node in stack.nodes()}
    assert not before & after
    assert after == {
        name.removeprefix("node/") for name in stack.kubectl("get", "nodes", "-o", "name").split()
    }
    stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")


def _names_a_wrong_token(stack: Stack) -> None:
    token = next(name for name in stack.parameters() if name.endswith("/agent/token"))
    ssm = stack.client("ssm")
    right = ssm.get_parameter(Name=token, WithDecryption=True)["Parameter"]["Value"]
    wrong = right.rpartition(":")[0] + ":wrong-password"
    ssm.put_parameter(Name=token, Value=wrong, Type="SecureString", Overwrite=True)
    pools = yaml.safe_load(stack.config_file.read_text())["config"]["k3s-aws:cluster"]["pools"]
    stack.configure(pools=[{**pools[0], "count": 3}])
    output = stack.pulumi("up", "--yes", "--skip-preview", fails=True)
    assert "refused the join token" in output
    ssm.put_parameter(Name=token, Value=right, Type="SecureString", Overwrite=True)
    stack.configure(pools=pools)
    stack.pulumi("up", "--yes", "--skip-preview")
    assert len(stack.kubectl("get", "nodes", "-o", "name").split()) == 3


def _refuses_another_host_key(stack: Stack) -> None:
    agent = next(node for node in stack.nodes() if node["role"] == "agent")
    machine = f"k3saws-{stack.cloud_id}-{agent['instanceId']}"
    key = "/etc/ssh/ssh_host_ed25519_key"
    forge = f"rm {key} && ssh-keygen -q -t ed25519 -N '' -f {key} && systemctl restart ssh"
    stack.docker("exec", machine, "sh", "-c", forge)
    stack.label_nodes("a")
    output = stack.pulumi("up", "--yes", "--skip-preview", fails=True)
    assert "host key" in output


def _leaves_nothing(stack: Stack) -> None:
    stack.pulumi("destroy", "--yes", "--skip-preview")
    label = f"label=k3s-aws.localcloud={stack.cloud_id}"
    assert stack.docker("ps", "--all", "--quiet", "--filter", label) == ""
    assert stack.docker("network", "ls", "--quiet", "--filter", label) == ""
    assert stack.parameters() == []
    assert stack.client("iam").list_roles()["Roles"] == []


def _reports_a_cloud_that_has_ended(stack: Stack) -> None:
    Cloud(stack.folder / "cloud").stop(print)
    output = stack.pulumi("preview", fails=True)
    assert "the local cloud has ended" in output
    assert "Traceback" not in output
