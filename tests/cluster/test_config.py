"""Valid configurations and their models; invalid ones are in tests/invalid/."""

from __future__ import annotations

from typing import Any

import pytest

from cluster import config, releases
from cluster.errors import ConfigError
from cluster.spec import Rotation

CLOSED = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": ["203.0.113.0/24"]}


def load(**keys: Any) -> Any:
    return config.load({"network": CLOSED, **keys}, stack="dev")


def test_the_smallest_configuration_is_one_server_named_after_the_stack() -> None:
    cluster = load()
    assert (cluster.name, cluster.stack) == ("dev", "dev")
    assert (cluster.servers.count, cluster.servers.instance_type) == (1, "t4g.small")
    assert cluster.pools == ()


def test_everything_left_out_has_its_default() -> None:
    cluster = load()
    assert cluster.k3s.version == releases.DEFAULT_VERSION
    assert cluster.k3s.download_url == releases.DOWNLOAD_URL
    assert cluster.k3s.sha256 == releases.PINNED[releases.DEFAULT_VERSION]
    assert str(cluster.network.vpc_cidr) == "10.64.0.0/16"
    assert (cluster.node_deadline_seconds, cluster.drain_seconds) == (600, 120)


def test_an_open_api_must_be_configured_explicitly() -> None:
    network = CLOSED | {"apiAllowedCidrs": ["0.0.0.0/0"]}
    assert load(network=network).network.api_allowed_cidrs == ("0.0.0.0/0",)


@pytest.mark.parametrize(
    ("stack", "name"),
    [
        ("pr-1234", "pr-1234"),
        ("Feature_42", "feature-42-e84fb3"),
        ("renovate.all-minor-updates-of-the-week-47", "renovate-all-minor-update-3c7be9"),
        ("sg-tests", "k3s-sg-tests-ccc3c8"),
        ("_", "k3s-d2e2ad"),
    ],
)
def test_a_stacks_name_that_cannot_name_a_cluster_is_converted_to_one_that_can(
    stack: str, name: str
) -> None:
    assert config.load({"network": CLOSED}, stack=stack).name == name


def test_a_configured_hash_makes_any_version_usable() -> None:
    digest = "ab" * 32
    cluster = load(k3s={"version": "v1.40.0-rc1+own2", "sha256": {"arm64": digest}})
    assert cluster.k3s.sha256 == {"arm64": digest}


def test_a_configured_hash_completes_a_pinned_version() -> None:
    digest = "ab" * 32
    cluster = load(k3s={"version": "v1.36.5+k3s1", "sha256": {"arm64": digest}})
    assert cluster.k3s.sha256 == {**releases.PINNED["v1.36.5+k3s1"], "arm64": digest}


def test_a_slash_at_the_end_of_the_download_url_is_removed() -> None:
    cluster = load(k3s={"downloadUrl": "https://example.com/k3s/"})
    assert cluster.k3s.download_url == "https://example.com/k3s"


def test_an_empty_pool_is_allowed() -> None:
    assert [pool.count for pool in load(pools=[{"name": "spare", "count": 0}]).pools] == [0]


def test_the_two_longest_names_fit_into_a_node_name() -> None:
    """63 characters is Kubernetes's limit for a label, which k3s derives from the node name."""
    cluster = load(name="c" * 32, pools=[{"name": "p" * 21}])
    node_name = f"{cluster.name}-{cluster.pools[0].name}-12345678"
    assert len(node_name) == 63


def test_more_than_256_nodes_need_a_wider_range_of_pods() -> None:
    pools = [{"name": "agents", "count": 999}]
    cluster = load(pools=pools, network=CLOSED | {"clusterCidr": "10.128.0.0/12"})
    assert cluster.pools[0].count == 999


@pytest.mark.parametrize(
    "url", ["http://10.0.0.5:8080", "https://artifacts.example.com/a/b", "https://localhost/k3s"]
)
def test_any_http_url_may_serve_k3s(url: str) -> None:
    assert load(k3s={"downloadUrl": url}).k3s.download_url == url


@pytest.mark.parametrize(
    "url",
    ["", "example.com/k3s", "https://", "https:///k3s", "ftp://a/b", "https://a b/", "http://a:x/"],
)
def test_an_invalid_http_url_is_rejected(url: str) -> None:
    with pytest.raises(ConfigError) as rejection:
        load(k3s={"downloadUrl": url})
    assert [problem.what for problem in rejection.value.problems] == [
        f'"{url}" is not a valid http or https URL'
    ]


def test_no_problem_quotes_a_password() -> None:
    with pytest.raises(ConfigError) as rejection:
        load(k3s={"downloadUrl": "https://ci:hunter2@example.com:port/k3s"})
    assert "hunter2" not in str(rejection.value)


def test_every_rotation_is_the_first_unless_configured() -> None:
    assert load().rotation == Rotation()
    assert load(rotation={"hostKeys": 3}).rotation == Rotation(host_keys=3)


def test_an_empty_list_switches_ssh_off_and_a_missing_one_does_not() -> None:
    assert not load(network=CLOSED | {"sshAllowedCidrs": []}).network.ssh_enabled
    with pytest.raises(ConfigError, match="sshAllowedCidrs: is missing"):
        config.load({"network": {"apiAllowedCidrs": ["203.0.113.0/24"]}}, stack="dev")
