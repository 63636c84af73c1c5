"""Manifests and charts: what k3s applies, and how it gets there."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
import yaml

from cluster import boot_program, bucket, config, node_config, user_data
from cluster.errors import ConfigError
from cluster.reading import registry_auth
from cluster.spec import ClusterSpec, Manifest
from tests.cluster import ec2

OPEN = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": ["203.0.113.0/24"]}
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"


def load(files: dict[str, str] | None = None, **keys: Any) -> ClusterSpec:
    def read_file(name: str) -> str:
        if files is None or name not in files:
            raise FileNotFoundError(2, "No such file or directory", name)
        return files[name]

    return config.load({"network": OPEN, **keys}, stack="dev", read_file=read_file)


def test_a_manifest_is_given_in_the_file_or_beside_it() -> None:
    given = [{"name": "one", "content": NAMESPACE}, {"name": "two", "file": "m/two.yaml"}]
    cluster = load({"m/two.yaml": "---\n" + NAMESPACE}, manifests=given)
    assert cluster.manifests == (
        Manifest(name="k3s-aws-one.yaml", content=NAMESPACE),
        Manifest(name="k3s-aws-two.yaml", content="---\n" + NAMESPACE),
    )


def test_a_chart_is_an_object_of_the_helm_controller() -> None:
    chart = {
        "name": "podinfo",
        "chart": "podinfo",
        "repo": "https://example.com/charts/",
        "version": "6.7.1",
        "namespace": "web",
        "values": {"replicas": 2, "text": "on"},
    }
    (manifest,) = load(charts=[chart]).manifests
    content = yaml.safe_load(manifest.content)
    assert (manifest.name, content["kind"]) == ("k3s-aws-chart-podinfo.yaml", "HelmChart")
    assert content["metadata"] == {"name": "podinfo", "namespace": "kube-system"}
    spec = content["spec"]
    assert yaml.safe_load(spec.pop("valuesContent")) == chart["values"]
    assert spec == {
        "chart": "podinfo",
        "repo": "https://example.com/charts",
        "version": "6.7.1",
        "targetNamespace": "web",
        "createNamespace": True,
    }


def test_a_packaged_charts_name_is_free_where_k3s_does_not_install_it() -> None:
    own = {"name": "traefik", "chart": "oci://example.com/traefik"}
    (manifest,) = load(charts=[own], k3s={"components": {"traefik": False}}).manifests
    assert manifest.name == "k3s-aws-chart-traefik.yaml"


def test_a_manifests_file_has_the_name_of_no_packaged_one() -> None:
    (manifest,) = load(manifests=[{"name": "traefik", "content": NAMESPACE}]).manifests
    assert manifest.name == "k3s-aws-traefik.yaml"


def test_a_chart_of_a_registry_needs_no_repository() -> None:
    (manifest,) = load(charts=[{"name": "a", "chart": "oci://example.com/a"}]).manifests
    assert yaml.safe_load(manifest.content)["spec"] == {
        "chart": "oci://example.com/a",
        "targetNamespace": "a",
        "createNamespace": True,
    }


def test_a_missing_file_is_named_with_the_folder_it_is_searched_in() -> None:
    with pytest.raises(ConfigError) as rejection:
        load(manifests=[{"name": "a", "file": "m/a.yaml"}])
    assert [str(each) for each in rejection.value.problems] == [
        'cluster.manifests[0].file: "m/a.yaml" cannot be read: No such file or directory\n'
        "    name a file that is there, from the project's folder"
    ]


def manifest(name: str, size: int) -> dict[str, str]:
    """A manifest that compresses to hardly less than so many bytes."""
    noise = random.Random(size).randbytes(size).hex()
    return {"name": name, "content": f"{NAMESPACE}# {noise}\n"}


def test_what_is_not_stored_has_room_beside_the_boot_program() -> None:
    given = (load(manifests=[manifest("a", size)]) for size in range(bucket.INLINE_BYTES, 0, -8))
    largest = next(each for each in given if not bucket.needed(each))
    cluster = ec2.resolve(largest)
    user_data.require_room(node_config.longest(cluster), boot_program.modules())


def test_only_what_does_not_fit_is_stored_the_largest_first() -> None:
    given = [manifest("big", 600), manifest("middle", 300), manifest("small", 100)]
    cluster = load(manifests=given)
    assert [each.name for each in bucket.stored_manifests(cluster)] == ["k3s-aws-big.yaml"]
    assert bucket.needed(cluster)
    assert not bucket.needed(load(manifests=given[1:]))


@pytest.mark.parametrize(
    ("raw", "secret", "problems"),
    [
        (
            {"ghcr.io": {"username": "ci", "password": "hunter2"}},
            False,
            ["registryAuth: is set in plain text"],
        ),
        (["ghcr.io"], True, ["registryAuth: must be an object of hosts"]),
        ({"ghcr.io": "hunter2"}, True, ['registryAuth["ghcr.io"]: must be an object']),
        (
            {"ghcr.io": {"user": "hunter2", "password": 7}},
            True,
            [
                'registryAuth["ghcr.io"].user: unknown key',
                'registryAuth["ghcr.io"].password: must be a string',
            ],
        ),
        (
            {
                f"{each}.example": {"username": "ci", "password": "hunter2" * 300}
                for each in ("one", "two")
            },
            True,
            ["registryAuth: takes 4302 bytes, an SSM parameter holds 4096"],
        ),
        (
            {
                "https://index.docker.io/v1/": {"auth": "dTpodW50ZXIy"},
                "": {"auth": "dTpodW50ZXIy"},
                "*": {"auth": "dTpodW50ZXIy"},
                "r.example.com/team": {"auth": "dTpodW50ZXIy"},
                "r.example.com:99999": {"auth": "dTpodW50ZXIy"},
                "index.docker.io": {"auth": "dTpodW50ZXIy"},
            },
            True,
            [
                'registryAuth["https://index.docker.io/v1/"]: "https://index.docker.io/v1/" is not '
                "the name of a registry, which has no path",
                'registryAuth[""]: "" is not a valid name of a registry',
                'registryAuth["*"]: "*" is not a valid name of a registry',
                'registryAuth["r.example.com/team"]: "r.example.com/team" is not the name of a '
                "registry, which has no path",
                'registryAuth["r.example.com:99999"]: "r.example.com:99999" is not a valid name of '
                "a registry",
                'registryAuth["index.docker.io"]: "index.docker.io" is not looked up by k3s',
            ],
        ),
        (
            {"r.example.com": {"username": "ci", "password": "hunter2😀"}},
            True,
            [
                'registryAuth["r.example.com"]: has a character beyond U+FFFF, such as an emoji, '
                "which k3s cannot read"
            ],
        ),
        (
            {"https://ci:hunter2@r.example.com": {"username": "ci", "password": "hunter2"}},
            True,
            ["registryAuth: credentials in the name of a registry would be readable"],
        ),
        (
            {
                "r.example.com": {"username": "ci"},
                "s.example.com:5000": {"password": "hunter2"},
                "t.example.com": {"auth": "hunter2"},
            },
            True,
            [
                'registryAuth["r.example.com"]: has a username and no password',
                'registryAuth["s.example.com:5000"]: has a password and no username',
                'registryAuth["t.example.com"]: auth must be the base64 of username:password',
            ],
        ),
    ],
)
def test_invalid_passwords_of_registries_are_rejected_without_being_quoted(
    raw: Any, secret: bool, problems: list[str]
) -> None:
    with pytest.raises(ConfigError) as rejection:
        registry_auth.check(raw, is_secret=secret)
    assert [f"{each.path}: {each.what}" for each in rejection.value.problems] == problems
    assert "hunter2" not in str(rejection.value)


CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{url: {}}}\n"


@pytest.mark.parametrize(
    "url",
    ["https://ci:hunter2@example.com/a", "--from=amqp://app:hunter2@rabbit", "https://hunter2@a.b"],
)
def test_credentials_in_a_url_of_a_manifest_are_rejected(url: str) -> None:
    content = CONFIG_MAP.format(json.dumps(url))
    with pytest.raises(ConfigError) as rejection:
        load(manifests=[{"name": "a", "content": content}])
    assert "contains credentials in a URL, which would be readable" in str(rejection.value)
    assert "hunter2" not in str(rejection.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/@scope/a",
        "postgres://app:$(PASSWORD)@db/app",
        "ssh://git@example.com/a.git",
        "The address, such as https://user:password@example.com.",
        "ghcr.io/a/b:1@sha256:0a",
    ],
)
def test_a_url_of_a_manifest_without_credentials_is_accepted(url: str) -> None:
    content = CONFIG_MAP.format(json.dumps(url))
    assert load(manifests=[{"name": "a", "content": content}]).manifests


def test_valid_passwords_of_registries_are_returned_unchanged() -> None:
    raw = {"ghcr.io": {"username": "ci", "password": "hunter2"}}
    assert registry_auth.check(raw, is_secret=True) == raw
    assert registry_auth.check(None, is_secret=False) == {}


def warnings_of(**keys: Any) -> list[str]:
    """Those of charts and manifests alone."""
    found = [f"{each.path}: {each.what}" for each in load(**keys).warnings]
    return [each for each in found if each.startswith(("cluster.charts", "cluster.manifests"))]


def test_a_chart_without_a_namespace_is_in_none_where_an_identity_may_start_pods() -> None:
    charts = [{"name": "operator", "chart": "oci://example.com/operator"}]
    assert warnings_of(charts=charts) == []


@pytest.mark.parametrize("role", [{"role": "deployer"}, {"clusterRole": "cluster-admin"}])
def test_a_chart_where_an_identity_may_start_pods_is_a_warning(role: dict[str, str]) -> None:
    given = {"name": "operator", "chart": "oci://example.com/operator", "namespace": "shop"}
    identities = [{"name": "ci", "namespaces": ["web", "shop"], **role}]
    assert warnings_of(charts=[given], identities=identities) == [
        'cluster.charts[0].namespace: identity "ci" may start pods in the chart\'s namespace '
        '"shop", with the rights of each ServiceAccount in it'
    ]
    assert warnings_of(charts=[{**given, "namespace": "other"}], identities=identities) == []


def test_a_chart_in_a_manifest_is_looked_at_too() -> None:
    chart = "apiVersion: helm.cattle.io/v1\nkind: HelmChart\nmetadata: {name: a, namespace: %s}\n"
    target = "spec: {chart: a, targetNamespace: default}\n"
    given = [
        {"name": "one", "content": chart % "kube-system" + target},
        {"name": "two", "content": chart % "kube-system"},
        {"name": "three", "content": chart % "default"},
    ]
    assert [each.partition(":")[0] for each in warnings_of(manifests=given)] == [
        "cluster.manifests[0].content",
        "cluster.manifests[2].content",
    ]


@pytest.mark.parametrize("text", ["72044e0", "y", "1e3", "2027-01-31"])
def test_values_that_look_like_something_else_stay_strings(text: str) -> None:
    chart = {"name": "y", "chart": "oci://example.com/a", "namespace": "1e3", "version": "72044e0"}
    (manifest,) = load(charts=[{**chart, "values": {text: text}}]).manifests
    assert 'name: "y"' in manifest.content
    assert 'targetNamespace: "1e3"' in manifest.content
    assert yaml.safe_load(manifest.content)["spec"]["version"] == "72044e0"
