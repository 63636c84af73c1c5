"""Inputs that two readers could take for different things, through the real engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from provider.keys import ed25519
from tests.localcloud.stacks import CLUSTER, Stack, Stacks, local_cloud

pytestmark = pytest.mark.localcloud

UP = ("up", "--yes", "--skip-preview")
DESTROY = ("destroy", "--yes", "--skip-preview")
VALUES = {
    "tag": "72044e0",
    "answer": "y",
    "number": 12321123131,
    "million": 1000000,
    "half": 0.5,
    "1e3": "a",
}
MANIFEST = """\
\ufeffapiVersion:\tv1
kind: ConfigMap
metadata: {name: odd}
data: {day: 2024-02-30, sign: "=", number: 0x_}
---
\ufeffapiVersion: v1
kind: ConfigMap
metadata: {name: second}
"""


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with local_cloud(tmp_path_factory.mktemp("inputs")) as made:
        yield made


def small(stacks: Stacks, name: str) -> Stack:
    """A stack of one server."""
    made = stacks.create(name)
    made.configure(pools=None)
    return made


def configured(stack: Stack) -> dict[str, Any]:
    """The cluster's configuration."""
    content: dict[str, Any] = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]
    return content


def test_words_that_look_like_something_else_stay_what_they_are(stacks: Stacks) -> None:
    stack = small(stacks, "words")
    stack.configure(
        name="y",
        identities=[{"name": "n", "role": "deployer", "namespaces": ["1e3", "y"]}],
        charts=[
            {"name": "y", "chart": "oci://r.example.com/a", "version": "1e3", "values": VALUES}
        ],
        manifests=[{"name": "odd", "content": MANIFEST}],
    )
    stack.pulumi("config", "set", "--path", "k3s-aws:cluster.charts[0].values.set", "98765432101")
    stack.pulumi(*UP)
    stack.kubectl("get", "nodes")
    as_identity = stack.kubectl_as(stack.kubeconfig("kubeconfig-n"), "get", "pods")
    assert as_identity.returncode == 0, as_identity.stderr
    for kind, name, namespace in (
        ("helmcharts.helm.cattle.io", "y", "kube-system"),
        ("configmap", "odd", "default"),
        ("configmap", "second", "default"),
    ):
        stack.kubectl("wait", "--for=create", kind, name, "-n", namespace, "--timeout=60s")
    chart = json.loads(
        stack.kubectl("get", "helmcharts.helm.cattle.io", "y", "-n", "kube-system", "-o", "json")
    )
    assert (chart["spec"]["targetNamespace"], chart["spec"]["version"]) == ("y", "1e3")
    text = chart["spec"]["valuesContent"]
    assert yaml.safe_load(text) == {**VALUES, "set": 98765432101}
    assert "number: 12321123131\n" in text
    assert "million: 1000000\n" in text
    stack.pulumi(*DESTROY)


def test_a_secret_inside_of_the_cluster_ends_the_preview(stacks: Stacks) -> None:
    stack = small(stacks, "secret")
    stack.configure(charts=[{"name": "a", "chart": "oci://r.example.com/a", "values": {"b": "c"}}])
    path = "k3s-aws:cluster.charts[0].values.text"
    stack.pulumi("config", "set", "--secret", "--path", path, "hunter22secret")
    output = stack.pulumi("preview", fails=True)
    assert "cluster: contains a value that is marked as a secret" in output
    assert "hunter22secret" not in output
    assert "Traceback" not in output


def test_a_login_key_in_one_line_logs_in(stacks: Stacks) -> None:
    stack = small(stacks, "oneline")
    key, _ = ed25519.generate()
    one_line = key.replace("\n", " ")
    stack.pulumi("config", "set", "--secret", "k3s-aws:loginKey", given=one_line)
    stack.pulumi(*UP)
    assert [node["name"] for node in stack.nodes()]
    _is_not_changed_into_what_it_cannot_become(stack)
    stack.pulumi(*DESTROY)


def _is_not_changed_into_what_it_cannot_become(stack: Stack) -> None:
    """Two previews and an update, which end before any resource, with everything at once."""
    stack.pulumi("preview", "--expect-no-changes")
    cluster = configured(stack)
    k3s, servers, network = (cluster[key] for key in ("k3s", "servers", "network"))
    stack.configure(
        k3s={**k3s, "version": "v1.34.0+k3s1"},
        servers={**servers, "rootVolumeGib": 10},
        rotation={"joinTokens": 2},
    )
    expected = ("must not be older than", "servers.rootVolumeGib: must be at least 20")
    for command in (("preview",), UP):
        output = stack.pulumi(*command, fails=True)
        assert "the change of the running cluster has 2 problems" in output
        assert all(each in output for each in expected)
        assert "Traceback" not in output
    stack.configure(
        k3s={**k3s, "version": "v1.99.0+k3s1"},
        servers=servers,
        rotation=None,
        network={**network, "serviceCidr": "10.45.0.0/16"},
    )
    output = stack.pulumi("preview", fails=True)
    assert "is more than one minor version after" in output
    assert "cluster.network.serviceCidr: changes from" in output
    assert "set cluster.allowDataLoss to true for this update" in output
    stack.configure(k3s=k3s, network={**network, "serviceCidr": "10.45.0.0/16"}, allowDataLoss=True)
    assert "all Kubernetes objects of the cluster would be lost" in stack.pulumi("preview")
    stack.configure(network=network, allowDataLoss=None)
    stack.pulumi("preview", "--expect-no-changes")
