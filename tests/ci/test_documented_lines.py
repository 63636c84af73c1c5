"""
The lines in docs/outputs.md, and those of docs/pipelines.md for the cluster of a pull request, run
as they stand there; what is printed has no secret in it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ci import github_runner
from tests.ci.conftest import Stack
from tests.cluster import output_schema
from tests.pipelines import aws_commands

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "outputs.md").read_text()
# What the cluster's user would do next; it fails without a kubeconfig, as the real one does not.
KUBECTL = (
    '#!/bin/sh\n[ "$*" = "get nodes" ] && grep -q "^kind: Config" "$KUBECONFIG" && echo Ready\n'
)


def block(section: str, language: str) -> str:
    """The only code block of a section."""
    text = re.split(r"^##+ ", PAGE.partition(f"# {section}\n")[2], maxsplit=1, flags=re.M)[0]
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)
    return str(found)


@pytest.fixture
def checkout(tmp_path: Path, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of the program with its virtual environment, and a kubectl."""
    folder = tmp_path / "check out"
    (folder / ".local" / "venv" / "bin").mkdir(parents=True)
    interpreter = folder / ".local" / "venv" / "bin" / "python"
    interpreter.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    for name in ("ci", "cluster"):
        (folder / name).symlink_to(ROOT / name)
    kubectl = tmp_path / "fake pulumi" / "kubectl"
    kubectl.write_text(KUBECTL)
    for each in (interpreter, kubectl):
        each.chmod(0o755)
    monkeypatch.delenv("RUNNER_TEMP")
    return folder


def run(script: str, folder: Path, environment: Mapping[str, str]) -> str:
    """All that a shell of a runner prints; it ends at the first command that fails."""
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def assert_no_secret(stack: Stack, text: str) -> None:
    assert [each for each in stack.secrets() if each in text] == []


def test_bash(stack: Stack, checkout: Path) -> None:
    log = run(block("bash", "bash"), checkout, {})
    assert log.splitlines()[-1] == "Ready"
    assert_no_secret(stack, log)


def test_github_actions(stack: Stack, checkout: Path, tmp_path: Path) -> None:
    steps = yaml.safe_load(block("GitHub Actions", "yaml"))
    # Whoever prints the file in a later step of the job prints no key.
    steps += [{"run": 'cat "$KUBECONFIG"'}]
    files = {name: str(tmp_path / name) for name in ("GITHUB_ENV", "GITHUB_OUTPUT")}
    environment = {**files, "GITHUB_ACTIONS": "true", "RUNNER_TEMP": str(tmp_path / "temp")}
    log = ""
    variables: dict[str, str] = {}
    for step in steps:
        log += run(step["run"], checkout, {**environment, **variables})
        variables = github_runner.variables(Path(files["GITHUB_ENV"]).read_text())
    printed = github_runner.printed(log)
    assert "Ready" in printed.splitlines()
    assert "client-key-data: ***" in printed
    assert_no_secret(stack, printed)


def test_gitlab(stack: Stack, checkout: Path) -> None:
    job: dict[str, Any] = yaml.safe_load(block("GitLab CI", "yaml"))["test"]
    log = run("\n".join(job["script"]), checkout, {})
    assert log.splitlines()[-1] == "Ready"
    report = (checkout / job["artifacts"]["reports"]["dotenv"]).read_text()
    assert re.findall(r"^(\w+)=", report, re.M) == ["KUBECONFIG", "K3S_API_ENDPOINT"]
    assert_no_secret(stack, log + report)


def test_the_outputs_as_json(stack: Stack, checkout: Path) -> None:
    log = run(block("What is not secret, as JSON", "bash"), checkout, {})
    text = (checkout / "outputs.json").read_text()
    assert output_schema.pipeline_faults(json.loads(text)) == []
    assert_no_secret(stack, log + text)


def test_the_cluster_of_a_pull_request(stack: Stack, checkout: Path) -> None:
    page = (ROOT / "docs" / "pipelines.md").read_text()
    (lines,) = (each for each in aws_commands.blocks(page) if "--stack pr-12" in each)
    (checkout / "Pulumi.temporary.yaml").write_text("config: {}\n")
    # The stack that the pulumi of these tests has.
    script = lines.replace("pr-12", "dev") + 'echo "$PULUMI_BACKEND_URL"\nkubectl get nodes\n'
    log = run(script, checkout, {"BUCKET": "states", "AWS_REGION": "eu-west-1"})
    assert log.splitlines()[-2:] == ["s3://states?region=eu-west-1", "Ready"]
    assert_no_secret(stack, log)
