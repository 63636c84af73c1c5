"""The plugin of the package as a process, started as the engine starts it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from cluster.version import VERSION
from k3s_aws import package_schema

pytestmark = pytest.mark.slow

EXECUTABLE = Path(__file__).parents[2] / "k3s_aws" / "plugin" / "pulumi-resource-k3s"


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    with subprocess.Popen(
        [EXECUTABLE, "127.0.0.1:1"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield provider_pb2_grpc.ResourceProviderStub(channel)
        finally:
            process.terminate()


def test_it_has_the_version_of_the_package_and_the_schema_of_the_component(
    plugin: provider_pb2_grpc.ResourceProviderStub,
) -> None:
    assert plugin.GetPluginInfo(empty_pb2.Empty()).version == VERSION
    schema = json.loads(plugin.GetSchema(provider_pb2.GetSchemaRequest(version=0)).schema)
    assert list(schema["resources"]) == [package_schema.TOKEN]
    assert schema["version"] == VERSION


def test_it_serves_the_resources_that_the_component_is_made_of(
    plugin: provider_pb2_grpc.ResourceProviderStub,
) -> None:
    urn = "urn:pulumi:dev::shop::k3s:index:SshKey::key"
    request = provider_pb2.CheckRequest(urn=urn, type="k3s:index:SshKey")
    failures = plugin.Check(request).failures
    assert {each.property for each in failures} >= {"comment"}
