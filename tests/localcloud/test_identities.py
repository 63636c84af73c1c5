"""Identities on a real API server: what each may, its end, its renewal, and a lost server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.localcloud.stacks import CLUSTER, Stack, local_cloud

pytestmark = pytest.mark.localcloud

UP = ("up", "--yes", "--skip-preview")
VIEWER = {"name": "viewer", "role": "viewer"}
DEPLOYER = {"name": "deployer", "role": "deployer", "namespaces": ["shop", "shop-preview"]}
AUDITOR = {"name": "auditor", "clusterRole": "admin", "namespaces": ["shop"], "expiryDays": 30}
TIME = "%Y-%m-%dT%H:%M:%SZ"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with local_cloud(tmp_path_factory.mktemp("identities")) as made:
        stack = made.create("identities")
        content = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]
        stack.configure(
            pools=[{**content["pools"][0], "count": 1}],
            identities=[DEPLOYER, VIEWER, AUDITOR],
            adminKubeconfig=False,
        )
        yield stack


def test_the_life_of_identities(stack: Stack) -> None:
    stack.pulumi(*UP)
    _are_outputs_and_the_administrator_is_none(stack)
    _may_do_what_they_should_and_nothing_else(stack)
    _change_nothing_when_nothing_changed(stack)
    _are_put_back_when_somebody_changed_their_rights(stack)
    _are_rotated_by_their_generation(stack)
    _are_replaced_on_request(stack)
    _are_renewed_before_they_expire(stack)
    _outlive_their_server(stack)
    _lose_their_rights_when_they_are_removed(stack)
    _go_with_the_cluster(stack)


def outputs(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stack.pulumi("stack", "output", "--json"))
    return found


def refused(stack: Stack, kubeconfig: Path, *words: str) -> bool:
    """Whether the API knows who asks, and does not do it; any other failure is an error."""
    done = stack.kubectl_as(kubeconfig, *words)
    if done.returncode == 0:
        return False
    assert "is forbidden: User" in done.stderr, done.stderr
    return True


def _are_outputs_and_the_administrator_is_none(stack: Stack) -> None:
    found = outputs(stack)
    names = {"kubeconfig", *(f"kubeconfig-{each}" for each in ("deployer", "viewer", "auditor"))}
    assert names == {name for name in found if "kubeconfig" in name.lower()}
    assert {found[name] for name in names} == {"[secret]"}
    # The first of the list.
    assert stack.kubeconfig("kubeconfig").read_text() == (
        stack.kubeconfig("kubeconfig-deployer").read_text()
    )
    exported = stack.pulumi("stack", "export")
    assert "k3s:index:Kubeconfig" not in exported
    key = yaml.safe_load(stack.kubeconfig("kubeconfig").read_text())["users"][0]["user"]
    assert key["client-key-data"] not in exported


def _may_do_what_they_should_and_nothing_else(stack: Stack) -> None:
    deployer = stack.kubeconfig("kubeconfig-deployer")
    viewer = stack.kubeconfig("kubeconfig-viewer")
    auditor = stack.kubeconfig("kubeconfig-auditor")
    nodes = {f"node/{each['name']}" for each in stack.nodes()}
    for each in (deployer, viewer):
        listed = stack.kubectl_as(each, "get", "nodes", "-o", "name").stdout
        assert set(listed.split()) == nodes
        assert "kube-system" in stack.kubectl_as(each, "get", "namespaces").stdout
    # Without a namespace it is the first of its own.
    assert not refused(stack, deployer, "create", "deployment", "web", "--image=web")
    assert not refused(stack, deployer, "create", "secret", "generic", "word", "-n", "shop-preview")
    assert refused(stack, deployer, "get", "pods", "-n", "default")
    assert refused(stack, deployer, "create", "configmap", "x", "-n", "kube-system")
    assert refused(stack, deployer, "get", "pods", "-A")
    assert refused(stack, deployer, "delete", "node", nodes.pop().removeprefix("node/"))
    assert refused(stack, deployer, "create", "rolebinding", "x", "--clusterrole=edit", "--user=x")
    assert refused(stack, deployer, "label", "namespace", "shop", "a=b")
    raw = f"/api/v1/nodes/{stack.nodes()[0]['name']}/proxy/pods"
    assert refused(stack, deployer, "get", "--raw", raw)
    system = "--as=system:serviceaccount:kube-system:default"
    assert refused(stack, deployer, "get", "pods", system)
    assert refused(stack, viewer, "create", "token", "default", "-n", "shop")
    for namespace in ("shop", "shop-preview"):
        assert _starts_no_privileged_pod(stack, deployer, namespace)
    assert not refused(stack, viewer, "get", "deployment", "web", "-n", "shop")
    assert refused(stack, viewer, "get", "secrets", "-n", "shop")
    assert refused(stack, viewer, "create", "configmap", "x", "-n", "shop")
    assert not refused(stack, auditor, "create", "role", "x", "--verb=get", "--resource=pods")
    assert refused(stack, auditor, "get", "nodes")
    assert refused(stack, auditor, "get", "pods", "-n", "shop-preview")


PRIVILEGED: dict[str, dict[str, Any]] = {
    "host-path": {"volumes": [{"name": "root", "hostPath": {"path": "/"}}]},
    "host-network": {"hostNetwork": True},
    "host-pid": {"hostPID": True},
    "privileged": {"securityContext": {"privileged": True}},
}


def _starts_no_privileged_pod(stack: Stack, deployer: Path, namespace: str) -> bool:
    """Whether the API refuses each pod that would be root on its node, and no ordinary one."""
    for name, fields in {**PRIVILEGED, "ordinary": {}}.items():
        container: dict[str, Any] = {"name": "a", "image": "web"}
        container |= {key: each for key, each in fields.items() if key == "securityContext"}
        spec = {key: each for key, each in fields.items() if key != "securityContext"}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {**spec, "containers": [container]},
        }
        file = stack.folder / "pod.json"
        file.write_text(json.dumps(pod))
        # Admitted or not is decided before anything is stored.
        done = stack.kubectl_as(deployer, "create", "--dry-run=server", "-f", str(file))
        if name == "ordinary":
            assert done.returncode == 0, done.stderr
        else:
            assert done.returncode != 0, name
            assert "violates PodSecurity" in done.stderr, done.stderr
    return True


def _change_nothing_when_nothing_changed(stack: Stack) -> None:
    assert set(stack.summary()) == {"same"}
    stack.pulumi(*UP, "--expect-no-changes")
    stack.pulumi("refresh", "--yes", "--expect-no-changes")


def _are_put_back_when_somebody_changed_their_rights(stack: Stack) -> None:
    stack.configure(adminKubeconfig=True)
    stack.pulumi(*UP)
    stack.kubectl("delete", "rolebinding", "k3s-aws:deployer", "-n", "shop")
    group = {"kind": "Group", "name": "everybody", "apiGroup": "rbac.authorization.k8s.io"}
    patch = json.dumps([{"op": "add", "path": "/subjects/-", "value": group}])
    name = "k3s-aws:viewer"
    stack.kubectl("patch", "clusterrolebinding", name, "--type=json", "-p", patch)
    deployer = stack.kubeconfig("kubeconfig-deployer")
    assert refused(stack, deployer, "get", "pods")
    stack.pulumi("refresh", "--yes")
    assert stack.summary()["update"] == 2
    stack.pulumi(*UP)
    assert not refused(stack, deployer, "get", "pods")
    assert "everybody" not in stack.kubectl("get", "clusterrolebinding", name, "-o", "yaml")
    stack.pulumi("refresh", "--yes", "--expect-no-changes")


def _are_rotated_by_their_generation(stack: Stack) -> None:
    before, machines = stack.kubeconfig("kubeconfig-deployer"), stack.nodes()
    stack.configure(identities=[{**DEPLOYER, "generation": 2}, VIEWER, AUDITOR])
    summary = stack.summary()
    assert (set(summary), summary["update"]) == ({"same", "update"}, 1)
    stack.pulumi(*UP)
    after = stack.kubeconfig("kubeconfig-deployer")
    assert before != after
    assert refused(stack, before, "get", "pods")
    assert not refused(stack, after, "get", "pods")
    assert stack.nodes() == machines
    assert stack.kubectl("get", "certificatesigningrequests", "-o", "name") == ""
    stack.pulumi(*UP, "--expect-no-changes")


def _are_replaced_on_request(stack: Stack) -> None:
    before = stack.kubeconfig("kubeconfig-auditor")
    name = f"urn:pulumi:{stack.name}::**::**$k3s:index:Identity::{stack.name}-auditor"
    stack.pulumi(*UP, "--target-replace", name)
    assert refused(stack, before, "get", "roles")
    assert not refused(stack, stack.kubeconfig("kubeconfig-auditor"), "get", "roles")
    stack.pulumi("refresh", "--yes", "--expect-no-changes")


def _are_renewed_before_they_expire(stack: Stack) -> None:
    before = stack.kubeconfig("kubeconfig-viewer")
    _age(stack, "viewer", timedelta(days=65))
    # What a reader sees of it, and nothing else: the kubeconfig's own text is secret.
    output = stack.pulumi("preview")
    assert "[diff: ~expiresAt,issuedAt,kubeconfig,previousUserName,userName]" in output
    assert stack.summary()["update"] == 1
    stack.pulumi(*UP)
    after = stack.kubeconfig("kubeconfig-viewer")
    assert before != after
    for each in (before, after):
        assert not refused(stack, each, "get", "pods", "-A")
        assert not refused(stack, each, "get", "nodes")
        assert refused(stack, each, "get", "secrets", "-A")
    stack.pulumi(*UP, "--expect-no-changes")


def _age(stack: Stack, name: str, by: timedelta) -> None:
    """Makes the identity's certificate look older to the program; it is not."""
    state = json.loads(stack.pulumi("stack", "export"))
    (found,) = [
        each
        for each in state["deployment"]["resources"]
        if each["type"] == "k3s:index:Identity" and each["inputs"]["name"] == name
    ]
    for key in ("issuedAt", "expiresAt"):
        time = datetime.strptime(found["outputs"][key], TIME).replace(tzinfo=UTC)
        found["outputs"][key] = (time - by).strftime(TIME)
    file = stack.folder / "state.json"
    file.write_text(json.dumps(state))
    stack.pulumi("stack", "import", "--file", str(file))
    file.unlink()


def _outlive_their_server(stack: Stack) -> None:
    handed_out = [stack.kubeconfig(f"kubeconfig-{each}") for each in ("deployer", "viewer")]
    (server,) = [each for each in stack.nodes() if each["role"] == "server"]
    stack.terminate(server["instanceId"])
    stack.pulumi("refresh", "--yes")
    stack.pulumi(*UP)
    (again,) = [each for each in stack.nodes() if each["role"] == "server"]
    assert again["instanceId"] != server["instanceId"]
    now = [stack.kubeconfig(f"kubeconfig-{each}") for each in ("deployer", "viewer")]
    assert now == handed_out
    deployer, viewer = handed_out
    assert not refused(stack, deployer, "create", "deployment", "again", "--image=web")
    assert refused(stack, deployer, "get", "pods", "-n", "default")
    # The data is on the volume, which the next server has.
    assert not refused(stack, viewer, "get", "deployment", "web", "again", "-n", "shop")
    assert refused(stack, viewer, "get", "secrets", "-n", "shop")
    _change_nothing_when_nothing_changed(stack)


def _lose_their_rights_when_they_are_removed(stack: Stack) -> None:
    viewer, auditor = (stack.kubeconfig(f"kubeconfig-{each}") for each in ("viewer", "auditor"))
    deployer = stack.kubeconfig("kubeconfig-deployer")
    only = {**DEPLOYER, "generation": 2, "namespaces": ["shop"]}
    stack.configure(identities=[only])
    stack.pulumi(*UP)
    assert refused(stack, viewer, "get", "pods", "-A")
    assert refused(stack, viewer, "get", "nodes")
    assert refused(stack, auditor, "get", "pods")
    assert not refused(stack, deployer, "get", "pods")
    assert refused(stack, deployer, "get", "pods", "-n", "shop-preview")
    assert stack.kubeconfig("kubeconfig-deployer") == deployer
    ours = "clusterrolebindings,rolebindings,clusterroles"
    left = stack.kubectl(
        "get", ours, "-A", "-l", "app.kubernetes.io/managed-by=k3s-aws", "-o", "name"
    )
    assert sorted(left.split()) == [
        "clusterrole.rbac.authorization.k8s.io/k3s-aws:deployer:reads",
        "clusterrolebinding.rbac.authorization.k8s.io/k3s-aws:deployer:reads",
        "rolebinding.rbac.authorization.k8s.io/k3s-aws:deployer",
    ]
    # The namespaces, and what stands in them, are nobody's to delete.
    assert "shop-preview" in stack.kubectl("get", "namespaces")
    assert not [name for name in outputs(stack) if name.endswith(("viewer", "auditor"))]
    # What the warning tells, where the API did not answer.
    stack.kubectl("delete", ours, "-A", "-l", "k3s-aws/identity=deployer")
    assert refused(stack, deployer, "get", "pods")


def _go_with_the_cluster(stack: Stack) -> None:
    output = stack.pulumi("destroy", "--yes", "--skip-preview")
    assert "left behind" not in output
    assert stack.docker("ps", "-aq", "--filter", f"label=k3s-aws.localcloud={stack.cloud_id}") == ""
