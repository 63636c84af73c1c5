"""The policy pack, asked by the engine: about states of stacks, and in previews."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from localcloud.workbench import aws_plugin, environment
from localcloud.workbench.folder import Folder
from tests.conftest import MEASURED
from tests.golden import rendering
from tests.localcloud.stacks import ROOT, Stacks, local_cloud
from tests.localcloud.test_examples import example
from tests.policy import examined, stack_state
from toolchain import pulumi_cli
from toolchain.host import this_host
from toolchain.places import Places

pytestmark = pytest.mark.localcloud

PACK = ROOT / "policy" / "run"
PROGRAM = ROOT / "tests" / "policy" / "program"
# What the engine wrote of a preview, as review/ reads it; compared here, not rendered.
EVENTS = ROOT / "tests" / "golden" / "policy" / "events.jsonl"
SECONDS = 120
WITH_EVENT_LOG = {"PULUMI_DEBUG_COMMANDS": "true"}
# What the examples break on purpose, each by its own choice.
TAGS_LEFT_OUT = {"owner-tag": 1, "expiry-tag": 1}
BROKEN_BY_EXAMPLES = {
    "laptop": {},
    "mixed-spot": {"expiry-tag": 1},
    "dev": {"expiry-tag": 1, "no-administrator-kubeconfig": 1},
    "staging": {"expiry-tag": 1},
    "prod": {"expiry-tag": 1},
}


@dataclass(frozen=True)
class Engine:
    """The Pulumi CLI with a home and a state of its own; no cloud is asked for anything."""

    folder: Path
    variables: Mapping[str, str]

    def run(self, *words: str, folder: Path = ROOT) -> tuple[int, str]:
        """The exit status and the output of a command."""
        done = subprocess.run(
            ["pulumi", *words, "--non-interactive"],
            cwd=folder,
            env=dict(self.variables),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def analyze(
        self,
        resources: Sequence[Mapping[str, Any]],
        outputs: Mapping[str, Any],
        settings: Mapping[str, Any] | None = None,
    ) -> tuple[int, str]:
        """What the pack reports about a state; the engine neither has a program nor a provider."""
        state = self.folder / "state.json"
        state.write_text(json.dumps(stack_state.export(resources, outputs)))
        return self.run(
            *("policy", "analyze", "--json", "--file", str(state), "--policy-pack", str(PACK)),
            *self._configured(settings),
        )

    def preview(self, events: Path, settings: Mapping[str, Any] | None = None) -> tuple[int, str]:
        """A preview of the small program, with its event log."""
        words = ("preview", "--stack", "examined", "--policy-pack", str(PACK))
        log = ("--event-log", str(events))
        return self.run(*words, *log, *self._configured(settings), folder=PROGRAM)

    def _configured(self, settings: Mapping[str, Any] | None) -> tuple[str, ...]:
        if settings is None:
            return ()
        file = self.folder / "settings.json"
        file.write_text(json.dumps(settings))
        return ("--policy-pack-config", str(file))


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


def violations(output: str) -> list[dict[str, Any]]:
    """The policy events of an output with an event in each line."""
    events = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [each["policyEvent"] for each in events if "policyEvent" in each]


def unversioned(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event without the version of the pack, which is the program's."""
    return {key: value for key, value in event.items() if "Version" not in key}


def names(output: str) -> list[str]:
    return sorted(each["policyName"] for each in violations(output))


def passed(log: Path, name: str) -> set[str]:
    """The rules that a resource has passed; one that was not applicable is in no list."""
    summaries = [
        summary
        for line in log.read_text().splitlines()
        if (summary := json.loads(line).get("policyAnalyzeSummaryEvent"))
    ]
    (found,) = [each for each in summaries if each["resourceUrn"].endswith(f"::{name}")]
    return set(found["passed"])


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


def test_a_setting_of_another_type_is_refused_by_the_engine(engine: Engine) -> None:
    for settings, named in (
        ({"api-and-ssh-not-from-everywhere": {"ports": ["ssh"]}}, "ports"),
        ({"user-data-has-room": {"maxBytes": 20000}}, "maxBytes"),
    ):
        status, output = engine.analyze([], {}, settings)
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


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with local_cloud(tmp_path_factory.mktemp("policy")) as made:
        yield made


def test_the_examples_break_only_what_they_mean_to(stacks: Stacks, tmp_path: Path) -> None:
    for index, name in enumerate(sorted(rendering.NAMES)):
        cluster = example(name, f"10.{64 + index}.0.0/16")
        if "subnetIds" in cluster["network"]:
            # Those of a VPC that exists; tests/localcloud/test_examples.py makes one.
            continue
        made = stacks.create(f"policy-{name}", cluster)
        stack = replace(made, environment={**made.environment, **WITH_EVENT_LOG})
        stack.configure(adminKubeconfig=cluster.get("adminKubeconfig"))
        events = tmp_path / f"{name}.json"
        log = ("--event-log", str(events))
        began = time.monotonic()
        stack.pulumi("preview")
        plain = time.monotonic() - began
        began = time.monotonic()
        stack.pulumi("preview", "--policy-pack", str(PACK), *log)
        added = time.monotonic() - began - plain
        print(f"{MEASURED}{name}: a preview of {plain:.1f} s takes {added:+.1f} s with the pack")
        expected = BROKEN_BY_EXAMPLES.get(name, TAGS_LEFT_OUT)
        assert Counter(names(events.read_text())) == expected, name
