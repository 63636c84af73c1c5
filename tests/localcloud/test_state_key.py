"""A key of KMS for the secrets of the state, by the Pulumi CLI; the key is one of moto's."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.pipelines.workflows import ROOT

# It needs the Pulumi CLI, which only these tests have, and no machine.
pytestmark = pytest.mark.localcloud
REGION = "eu-central-1"


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def environment(endpoint: str, tmp_path: Path) -> dict[str, str]:
    """That of a job whose platform has no passphrase, with a state in a folder."""
    return {
        "PATH": f"{ROOT}/.local/toolchain/bin:{os.environ['PATH']}",
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_BACKEND_URL": f"file://{tmp_path}",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
    }


@pytest.fixture
def checkout(tmp_path: Path, environment: dict[str, str]) -> Path:
    """One where `pulumi` is the CLI for `stack` and does nothing else, and `python` nothing."""
    shutil.copytree(ROOT / "ci/jobs", tmp_path / "ci/jobs")
    (tmp_path / "Pulumi.yaml").write_text("name: k3s-aws\nruntime: yaml\n")
    pulumi = shutil.which("pulumi", path=environment["PATH"])
    assert pulumi, "there is no pulumi: python -m toolchain pulumi"
    script = f'#!/bin/sh\n[ "$1 $2" != "stack select" ] || exec {pulumi} "$@"\n'
    for name, content in (("toolchain/bin/pulumi", script), ("venv/bin/python", "#!/bin/sh\n")):
        file = tmp_path / ".local" / name
        file.parent.mkdir(parents=True)
        file.write_text(content)
        file.chmod(0o755)
    return tmp_path


def command_of_the_page(key: str) -> list[str]:
    """`pulumi stack init temporary` with the provider as docs/pipelines.md writes it."""
    text = (ROOT / "docs/pipelines.md").read_text()
    (line,) = re.findall(r"^pulumi stack init temporary .*$", text, re.M)
    return shlex.split(line.replace("$KEY", key).replace("$AWS_REGION", REGION))


def run(checkout: Path, environment: dict[str, str], *words: str) -> None:
    done = subprocess.run(
        words, cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_temporary_stack_has_the_key_that_the_page_sets_up(
    checkout: Path, environment: dict[str, str], endpoint: str
) -> None:
    kms = boto3.client(
        "kms",
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    key = kms.create_key()["KeyMetadata"]["Arn"]
    run(checkout, environment, *command_of_the_page(key))
    written = (checkout / "Pulumi.temporary.yaml").read_text()
    assert f"secretsprovider: awskms:///{key}?region={REGION}\nencryptedkey: " in written
    run(checkout, environment, "ci/jobs/temporary.sh", "up", "pr-12")
    assert (checkout / "Pulumi.pr-12.yaml").read_text() == written
    (state,) = checkout.glob(".pulumi/stacks/k3s-aws/pr-12.json")
    assert key in state.read_text()
