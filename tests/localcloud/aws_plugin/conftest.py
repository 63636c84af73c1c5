"""The plugin as the engine meets it: gRPC on loopback, moto behind it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import grpc
import pytest
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderStub

from localcloud.aws_api import public_images
from localcloud.aws_plugin.aws_provider import AwsProvider
from provider.protocol import engine as protocol_engine
from provider.protocol import values
from provider.protocol.process import Server, environment
from provider.protocol.servicer import Servicer
from provider.protocol.values import encode

REGION = "us-east-1"
PATCHED_MOTO = """
import threading
import time
from localcloud.aws_api import moto_patches, volumes
from moto.backends import get_backend
from moto.server import main

def follow():
    # There are no machines: a volume is at once where it should be.
    ec2 = get_backend("ec2")["123456789012"]["us-east-1"]
    states = volumes.VolumeStates(lambda: ec2)
    while True:
        for each in volumes.described(ec2):
            states.attached(each.volume_id)
            states.detached(each.volume_id)
            states.modified(each.volume_id, each.gib)
        time.sleep(0.05)

moto_patches.install()
threading.Thread(target=follow, daemon=True).start()
main()
"""


def load(struct: Struct) -> dict[str, Any]:
    """The values without their secret marks."""
    unwrapped: dict[str, Any] = values.unwrap_secrets(values.decode(struct))
    return unwrapped


@dataclass
class Engine:
    """Calls the plugin as the engine does."""

    stub: Any
    endpoint: str

    def check(self, token: str, news: dict[str, Any], olds: dict[str, Any] | None = None) -> Any:
        return self.stub.Check(
            provider_pb2.CheckRequest(
                type=token,
                name="thing",
                urn=f"urn:pulumi:dev::p::{token}::thing",
                news=encode(news),
                olds=encode(olds or {}),
                randomSeed=bytes(range(32)),
            )
        )

    def create(self, token: str, inputs: dict[str, Any]) -> tuple[str, Struct]:
        """A checked resource; its id and its raw state."""
        made = self.stub.Create(
            provider_pb2.CreateRequest(
                type=token, name="thing", properties=self.check(token, inputs).inputs
            )
        )
        return made.id, made.properties

    def diff(self, token: str, old: dict[str, Any], new: dict[str, Any]) -> Any:
        return self.stub.Diff(
            provider_pb2.DiffRequest(type=token, id="x", old_inputs=encode(old), news=encode(new))
        )

    def read(self, token: str, id_: str, inputs: dict[str, Any]) -> Any:
        return self.stub.Read(
            provider_pb2.ReadRequest(
                type=token, id=id_, inputs=encode(inputs), properties=encode(inputs)
            )
        )

    def update(self, token: str, id_: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        self.stub.Update(
            provider_pb2.UpdateRequest(
                type=token, id=id_, old_inputs=encode(old), olds=encode(old), news=encode(new)
            )
        )

    def up(
        self,
        token: str,
        id_: str,
        state: Struct,
        inputs: dict[str, Any],
        ignored: Sequence[str] = (),
    ) -> list[str]:
        """Another `up` with these inputs, as the engine does it; the properties that differ."""
        news = self.check(token, inputs).inputs
        about = {"type": token, "id": id_, "olds": state, "news": news, "ignoreChanges": ignored}
        found = self.stub.Diff(provider_pb2.DiffRequest(**about))
        if found.changes == provider_pb2.DiffResponse.DIFF_SOME:
            self.stub.Update(provider_pb2.UpdateRequest(**about))
        return sorted(found.detailedDiff)

    def preview_update(
        self, token: str, id_: str, old: dict[str, Any], state: Struct, new: dict[str, Any]
    ) -> dict[str, Any]:
        """What a preview says of the resource after the change."""
        request = provider_pb2.UpdateRequest(
            type=token, id=id_, old_inputs=encode(old), olds=state, news=encode(new), preview=True
        )
        return load(self.stub.Update(request).properties)

    def delete(self, token: str, id_: str, state: Struct) -> None:
        self.stub.Delete(provider_pb2.DeleteRequest(type=token, id=id_, properties=state))

    def invoke(self, token: str, args: dict[str, Any]) -> dict[str, Any]:
        answer = self.stub.Invoke(provider_pb2.InvokeRequest(tok=token, args=encode(args)))
        return load(getattr(answer, "return"))

    def client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    # A process of its own: moto reads its images when it is imported, and the daemon's tests
    # in this process put others in their place. Its own thousands take it a second to list.
    folder = tmp_path_factory.mktemp("moto")
    public_images.write_amis(folder / "amis.json")
    log = folder / "log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            # It takes a port that is free then: one found free here may be taken by another test.
            [sys.executable, "-c", PATCHED_MOTO, "-H", "127.0.0.1", "-p", "0"],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "MOTO_AMIS_PATH": str(folder / "amis.json")},
        ) as server,
    ):
        try:
            yield address(log, server)
        finally:
            server.kill()


def address(log: Path, server: subprocess.Popen[bytes]) -> str:
    """The address on which moto reports that it listens."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        if found := re.search(r"Running on (http://127\.0\.0\.1:\d+)\n", log.read_text()):
            return found[1]
        time.sleep(0.05)
    raise AssertionError(f"moto does not listen; it ended with {server.poll()}: {log.read_text()}")


@pytest.fixture
def engine(endpoint: str) -> Iterator[Engine]:
    nobody = protocol_engine.Engine(None)
    server = Server(Servicer(AwsProvider(), environment(nobody), nobody))
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = ResourceProviderStub(channel)
        services = ("ec2", "elbv2", "iam", "route53", "s3", "servicequotas", "ssm", "sts")
        stub.Configure(
            provider_pb2.ConfigureRequest(
                args=encode(
                    {
                        "region": REGION,
                        "accessKey": "test",
                        "secretKey": "test",
                        "endpoints": json.dumps([dict.fromkeys(services, endpoint)]),
                    }
                )
            )
        )
        yield Engine(stub, endpoint)
    server.stop()
