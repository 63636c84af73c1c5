"""A lookup that fails ends the program with one message."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any, NoReturn

import pulumi
import pulumi_aws as aws
import pytest

from cluster import config, quotas
from cluster.errors import ConfigError, Kind, Problem
from cluster.spec import ClusterSpec
from components import lookups
from components.lookups import LookupFailed
from tests.cluster import ec2
from tests.components.recording import CONFIGURATION

ARM = SimpleNamespace(
    supported_architectures=["arm64"],
    default_vcpus=2,
    memory_size=2048,
    supported_usages_classes=["spot"],
)


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    found = SimpleNamespace(region="eu-central-1", account_id="123456789012", partition="aws")
    for name in ("get_region", "get_caller_identity", "get_partition"):
        monkeypatch.setattr(aws, name, lambda **_: found)


@pytest.fixture
def spec() -> ClusterSpec:
    return config.load(CONFIGURATION, stack="dev")


@pytest.fixture(autouse=True)
def _place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the program runs; without it these tests would need another test's mocks."""
    place = SimpleNamespace(region="eu-central-1", account_id="123456789012", partition="aws")
    for name in ("get_region", "get_caller_identity", "get_partition"):
        monkeypatch.setattr(aws, name, lambda **_: place)


def reject(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def get_instance_type(**_: Any) -> NoReturn:
        raise error

    monkeypatch.setattr(aws.ec2, "get_instance_type", get_instance_type)
    zones = SimpleNamespace(names=["eu-central-1a"])
    monkeypatch.setattr(aws, "get_availability_zones", lambda **_: zones)


def test_an_error_of_aws_has_its_cause_and_what_to_do(
    spec: ClusterSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    reject(monkeypatch, Exception("invoke failed: ExpiredToken: the token has expired"))
    with pytest.raises(LookupFailed) as failed:
        lookups.resolve(spec)
    assert str(failed.value) == (
        "AWS was asked for the instance type t4g.small: "
        "invoke failed: ExpiredToken: the token has expired\n"
        "    check aws:region, the credentials and the connection: aws sts get-caller-identity"
    )


def test_an_error_of_aws_is_text_that_a_runner_does_not_execute(
    spec: ClusterSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> NoReturn:
        raise Exception("refused:\n::stop-commands::x\x1b[2J ##vso[task.complete]")

    monkeypatch.setattr(aws.ec2, "get_instance_type", refuse)
    with pytest.raises(LookupFailed) as failed:
        lookups.look_up(spec)
    assert str(failed.value).splitlines()[:2] == [
        "AWS was asked for the instance type t4g.small: refused:",
        ": :stop-commands::x?[2J # #vso[task.complete]",
    ]


def test_a_type_that_ec2_does_not_have_is_a_problem_of_the_configuration(
    spec: ClusterSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    reject(monkeypatch, Exception("invoke failed: InvalidInstanceType: t4g.small"))
    with pytest.raises(ConfigError):
        lookups.resolve(spec)


def test_a_bug_keeps_its_own_traceback(spec: ClusterSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    reject(monkeypatch, AttributeError("no such attribute"))
    with pytest.raises(AttributeError):
        lookups.resolve(spec)


@pytest.mark.parametrize(
    ("response", "expected"),
    [("198.51.100.9\n", "198.51.100.9/32"), (" 127.0.0.1 ", "127.0.0.1/32")],
)
def test_the_caller_is_the_one_address_it_is_seen_from(
    tmp_path: Path, response: str, expected: str
) -> None:
    (tmp_path / "ip").write_text(response)
    assert lookups.caller(f"file://{tmp_path}/ip") == expected


@pytest.mark.parametrize("response", ["<html>", "2001:db8::1", ""])
def test_a_response_that_is_not_an_ipv4_address_is_an_error_with_what_to_do(
    tmp_path: Path, response: str
) -> None:
    (tmp_path / "ip").write_text(response)
    with pytest.raises(LookupFailed) as failed:
        lookups.caller(f"file://{tmp_path}/ip")
    assert 'was asked for the address behind "caller"' in str(failed.value)
    assert "write the range itself into the allow-lists" in str(failed.value)


def test_an_address_service_that_is_not_reachable_is_an_error_with_what_to_do(
    tmp_path: Path,
) -> None:
    with pytest.raises(LookupFailed, match="callerAddressUrl"):
        lookups.caller(f"file://{tmp_path}/nothing")


def test_the_caller_is_asked_for_without_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SSH and the API are reached without it, so its address is not the one to let in."""
    with responding("203.0.113.99") as proxy, responding("198.51.100.9") as service:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert lookups.caller(service) == "198.51.100.9/32"


@contextmanager
def responding(text: str) -> Iterator[str]:
    """The URL of an HTTP server that responds with the text to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_an_image_a_subnet_and_a_zone_that_aws_does_not_have_are_problems(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nothing(**_: Any) -> NoReturn:
        raise Exception("invoke failed: Your query returned no results; InvalidSubnetID.NotFound")

    def no_zone(**_: Any) -> NoReturn:
        # https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/route53/zone_data_source.go
        raise Exception("reading Route 53 Hosted Zone (Z0123456789A): couldn't find resource")

    network = {**CONFIGURATION["network"], "subnetIds": ["subnet-0123456789abcdef0"]}
    image = {"id": "ami-0123456789abcdef0"}
    endpoint = {"type": "dnsName", "hostname": "k3s.example.com", "route53ZoneId": "Z0123456789A"}
    raw = {**CONFIGURATION, "network": network, "image": image, "pools": [], "endpoint": endpoint}
    monkeypatch.setattr(aws.ec2, "get_instance_type", lambda **_: ARM)
    offers = SimpleNamespace(instance_types=["t4g.small"], locations=["eu-central-1a"])
    monkeypatch.setattr(aws.ec2, "get_instance_type_offerings", lambda **_: offers)
    monkeypatch.setattr(aws.ec2, "get_ami", nothing)
    monkeypatch.setattr(aws.ec2, "get_subnet", nothing)
    monkeypatch.setattr(aws.route53, "get_zone", no_zone)
    zones = SimpleNamespace(names=["eu-central-1a"])
    monkeypatch.setattr(aws, "get_availability_zones", lambda **_: zones)
    monkeypatch.setattr(pulumi.log, "debug", lambda _: None)
    with pytest.raises(ConfigError) as rejection:
        lookups.resolve(config.load(raw, stack="dev"))
    assert [each.path for each in rejection.value.problems] == [
        "cluster.servers.image.id",
        "cluster.network.subnetIds[0]",
        "cluster.endpoint.route53ZoneId",
    ]


def test_only_the_regions_own_zones_count_and_those_with_each_type_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []

    def get_availability_zones(state: str, filters: list[Any], opts: Any) -> Any:
        asked.append((state, [(each.name, each.values) for each in filters]))
        return SimpleNamespace(names=["eu-central-1a", "eu-central-1b"])

    offers = SimpleNamespace(
        instance_types=["m7i.large", "t4g.small"], locations=["eu-central-1b", "eu-central-1a"]
    )
    monkeypatch.setattr(aws, "get_availability_zones", get_availability_zones)
    monkeypatch.setattr(aws.ec2, "get_instance_type", lambda **_: ARM)
    monkeypatch.setattr(aws.ec2, "get_instance_type_offerings", lambda **_: offers)
    pools = [{"name": "agents", "instanceType": "m7i.large"}]
    with pytest.raises(ConfigError) as rejection:
        lookups.resolve(config.load({**CONFIGURATION, "pools": pools}, stack="dev"))
    assert asked == [("available", [("zone-type", ["availability-zone"])])]
    assert [each.path for each in rejection.value.problems] == ["cluster.pools[0].instanceType"]


@pytest.mark.parametrize(
    "error", ["ParameterNotFound: ", "reading SSM Parameter (/x): couldn't find resource"]
)
def test_an_image_that_its_publisher_does_not_have_here_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    def get_parameter(**_: Any) -> NoReturn:
        raise Exception(f"invoke failed: {error}")

    monkeypatch.setattr(aws.ssm, "get_parameter", get_parameter)
    monkeypatch.setattr(pulumi.log, "debug", lambda _: None)
    with pytest.raises(LookupFailed) as failed:
        lookups._image_id("/aws/service/debian/release/12/latest/arm64")
    assert "this region has no SSM parameter /aws/service/debian/release/12/latest/arm64" in str(
        failed.value
    )
    assert "set image.id to an AMI of the region" in str(failed.value)


def test_a_quota_that_is_not_known_is_a_warning_and_one_that_is_exceeded_an_error(
    spec: ClusterSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    warning = Problem("cluster.network", "needs more", "raise it", Kind.WARNING)
    exceeded = Problem("cluster.pools", "needs more", "raise it", Kind.UNAVAILABLE)
    found = [warning]
    monkeypatch.setattr(lookups, "look_up", lambda spec, _: ec2.facts_about(spec))
    monkeypatch.setattr(lookups, "_image_id", lambda _, via: "ami-0aaaaaaaaaaaaaaaa")
    monkeypatch.setattr(quotas, "problems", lambda *_: iter(found))
    small = dataclasses.replace(spec, pools=())
    assert lookups.resolve(small).warnings[-1] == warning
    found.append(exceeded)
    with pytest.raises(ConfigError) as rejection:
        lookups.resolve(small)
    assert rejection.value.problems == (exceeded,)
