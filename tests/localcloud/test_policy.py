"""The policy pack, asked by the engine: about states of stacks, and in previews."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from localcloud.aws_api.server import CALLER_PATH
from localcloud.workbench import aws_plugin, environment, stack_config, stack_file
from localcloud.workbench.folder import Folder
from tests.conftest import MEASURED
from tests.localcloud.stacks import CLUSTER
from tests.localcloud.test_examples import example
from tests.policy import examined
from tests.policy.engine import (
    PACK,
    PROGRAM,
    ROOT,
    Engine,
    names,
    passed,
    unversioned,
    violations,
)
from toolchain import pulumi_cli
from toolchain.host import this_host
from toolchain.places import Places

pytestmark = pytest.mark.localcloud

# What the engine wrote of a preview, as review/ reads it; compared here, not rendered.
EVENTS = ROOT / "tests" / "golden" / "policy" / "events.jsonl"
WITH_EVENT_LOG = {"PULUMI_DEBUG_COMMANDS": "true"}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    path = tmp_path_factory.mktemp("engine")
    folder = Folder(Places(ROOT), "policy", path)
    cli = pulumi_cli.provide(folder.places, this_host(), os.environ["PATH"], print)
    environment.make_passphrase(folder)
    folder.state.mkdir()
    aws_plugin.write_standin(folder)
    # What offers the flag --event-log.
    variables = {**environment.complete(folder, cli.folder, os.environ), **WITH_EVENT_LOG}
    made = Engine(path, variables)
    file = PROGRAM / "Pulumi.examined.yaml"
    # What a run that was killed has left.
    file.unlink(missing_ok=True)
    try:
        status, output = made.run("stack", "init", "examined", folder=PROGRAM)
        assert status == 0, output
        values = {"region": "us-east-1", "accessKey": "test", "secretKey": "test"}
        for key in ("skipCredentialsValidation", "skipMetadataApiCheck", "skipRegionValidation"):
            values[key] = "true"
        pairs = [
            word for key, value in values.items() for word in ("--plaintext", f"aws:{key}={value}")
        ]
        status, output = made.run("config", "set-all", *pairs, folder=PROGRAM)
        assert status == 0, output
        yield made
    finally:
        file.unlink(missing_ok=True)


BAD = [each for described in examined.BAD.values() for each in described]


def test_each_rule_reports_once_what_breaks_it(engine: Engine) -> None:
    status, output = engine.analyze(BAD, examined.OUTPUTS)
    assert status != 0
    assert names(output) == sorted(examined.BAD)
    levels = Counter(each["enforcementLevel"] for each in violations(output))
    assert levels == {"mandatory": 10, "advisory": 5}
    assert "mandatory policy violations were found" in output
    assert not any(part in output for part in examined.TOKEN.split("::"))


def test_a_stack_in_order_passes_every_rule(engine: Engine) -> None:
    status, output = engine.analyze(examined.GOOD, examined.GOOD_OUTPUTS)
    assert (status, names(output)) == (0, []), output


def test_an_advisory_violation_ends_nothing_and_levels_are_settings(engine: Engine) -> None:
    status, output = engine.analyze(BAD, examined.OUTPUTS, {"all": "advisory"})
    assert (status, names(output)) == (0, sorted(examined.BAD))
    settings: dict[str, Any] = {"all": "disabled", "owner-tag": "mandatory"}
    status, output = engine.analyze(BAD, examined.OUTPUTS, settings)
    assert (status != 0, names(output)) == (True, ["owner-tag"])
    settings["owner-tag"] = {"enforcementLevel": "mandatory", "keys": ["expiry"]}
    status, output = engine.analyze(examined.BAD["owner-tag"], {}, settings)
    assert (status, names(output)) == (0, [])


def test_a_setting_of_another_type_or_form_is_refused_by_the_engine(engine: Engine) -> None:
    for settings, named in (
        ({"api-and-ssh-not-from-everywhere": {"ports": ["ssh"]}}, "ports"),
        ({"user-data-has-room": {"maxBytes": 20000}}, "maxBytes"),
        ({"owner-tag": {"types": ["aws:ec2:Instance"]}}, "types.0"),
        ({"no-secret-in-user-data": {"ignoredKinds": ["a key"]}}, "ignoredKinds.0"),
        ({"ranges-of-a-group": {"allowedCidrs": ["10.0.0/8"]}}, "allowedCidrs.0"),
    ):
        status, output = engine.analyze([], {}, settings)
        assert status != 0
        assert named in output


def test_a_setting_that_no_rule_has_and_a_wrong_pattern_are_refused_by_the_pack(
    engine: Engine,
) -> None:
    for settings, named in (
        ({"owner-tag": {"key": ["owner"]}}, "rule owner-tag has no setting key"),
        ({"user-data-has-room": {"most": 1}}, "rule user-data-has-room has no setting most"),
        ({"no-secret-in-user-data": {"patterns": ["a", "("]}}, "setting patterns: pattern 2"),
    ):
        status, output = engine.analyze(examined.GOOD, {}, settings)
        assert status != 0
        assert named in output


def test_a_preview_leaves_what_it_does_not_have_to_the_update(
    engine: Engine, tmp_path: Path
) -> None:
    events = tmp_path / "events.json"
    status, output = engine.preview(events)
    assert (status, names(events.read_text())) == (0, []), output
    by_update = {"no-secret-in-user-data", "user-data-has-room", "k3s-pinned"}
    assert not by_update & passed(events, "machine")
    assert "volumes-encrypted" in passed(events, "machine")
    by_update = {"api-and-ssh-not-from-everywhere", "node-ports-not-from-outside"}
    assert not by_update & passed(events, "unknown")
    assert by_update <= passed(events, "api")
    events.unlink()
    engine.run("config", "set", "broken", "true", folder=PROGRAM)
    status, output = engine.preview(events)
    engine.run("config", "rm", "broken", folder=PROGRAM)
    assert status != 0
    found = sorted(map(unversioned, violations(events.read_text())), key=str)
    expected = sorted(map(unversioned, violations(EVENTS.read_text())), key=str)
    assert found == expected, json.dumps(found, indent=1)


def test_the_pack_starts_as_the_official_language_host_starts_a_folder() -> None:
    # https://github.com/pulumi/pulumi/blob/v3.259.0/sdk/python/cmd/pulumi-language-python/main.go
    folder = PACK.parent
    options = yaml.safe_load((folder / "PulumiPolicy.yaml").read_text())["runtime"]["options"]
    python = folder / options["virtualenv"] / "bin" / "python"
    words = [str(python), "-u", "-m", "pulumi.policy", "127.0.0.1:1", str(folder)]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, text=True) as pack:
        assert pack.stdout is not None
        port = pack.stdout.readline().strip()
        pack.terminate()
    assert port.isdigit()


def test_the_pack_ends_when_its_engine_was_killed() -> None:
    words = ["bash", "-c", f"'{PACK}' 127.0.0.1:1 & wait"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline().strip().isdigit()
        parent.kill()
        # Its end is that of the last process that holds the pipe, which is the pack.
        assert parent.communicate(timeout=60)[0] == ""


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API of AWS, for what the program looks up; a preview needs no machine."""
    folder = tmp_path_factory.mktemp("aws")
    words = [sys.executable, "-m", "tests.policy.aws_api", str(folder)]
    with subprocess.Popen(
        words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as api:
        assert api.stdin is not None
        assert api.stdout is not None
        yield api.stdout.readline().strip()
        api.stdin.close()


@contextmanager
def program(engine: Engine, endpoint: str, name: str) -> Iterator[str]:
    """A stack of the program with an example's cluster, on the API of the fixture."""
    cluster = example(name, callerAddressUrl=endpoint + CALLER_PATH)
    # The file of k3s would be downloaded for the bucket.
    cluster["k3s"] = {**cluster.get("k3s", {}), "bucket": False}
    if "subnetIds" in cluster["network"]:
        cluster["network"]["subnetIds"] = subnets(endpoint)
    stack = f"test-policy-{name}"
    file = ROOT / f"Pulumi.{stack}.yaml"
    file.unlink(missing_ok=True)
    try:
        engine.run("stack", "init", stack)
        content = yaml.safe_load(file.read_text())
        aws = stack_config.aws({"region": "us-east-1", "endpoint": endpoint})
        stack_file.write(file, {**content, "config": {**aws, CLUSTER: cluster}})
        yield stack
    finally:
        file.unlink(missing_ok=True)


def subnets(endpoint: str) -> list[str]:
    """Two subnets of a VPC that exists."""
    ec2 = boto3.client(
        "ec2",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    vpc = ec2.create_vpc(CidrBlock="10.60.0.0/16")["Vpc"]["VpcId"]
    places = (("10.60.0.0/20", "us-east-1a"), ("10.60.16.0/20", "us-east-1b"))
    return [
        ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for cidr, zone in places
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("laptop", []),
        ("private", ["expiry-tag", "owner-tag"]),
    ],
)
def test_a_preview_of_the_program_passes_the_mandatory_rules(
    engine: Engine, endpoint: str, tmp_path: Path, name: str, expected: list[str]
) -> None:
    events = tmp_path / "events.json"
    with program(engine, endpoint, name) as stack:
        words = ("preview", "--stack", stack, "--policy-pack", str(PACK))
        status, output = engine.run(*words, "--event-log", str(events))
        assert status == 0, output
        assert names(events.read_text()) == expected
        assert "k3s-aws@v" in output


def test_what_the_pack_adds_to_a_preview_is_measured(engine: Engine, endpoint: str) -> None:
    with program(engine, endpoint, "prod") as stack:
        measured = []
        for words in ((), ("--policy-pack", str(PACK))):
            began, used = time.monotonic(), processor_seconds()
            status, output = engine.run("preview", "--stack", stack, *words)
            assert status == 0, output
            measured.append((time.monotonic() - began, processor_seconds() - used))
    (plain, plain_used), (asked, asked_used) = measured
    print(
        f"{MEASURED}a preview of prod's example takes {plain:.1f} s, with the pack {asked:.1f} s; "
        f"of a processor {plain_used:.1f} s and {asked_used:.1f} s"
    )


def processor_seconds() -> float:
    """What the processes that this one has waited for used, with those below them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
