"""Running a Pulumi program: its time to the end, its last output when it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.programs import Program
from bench.unchanged import _resources
from localcloud.errors import LocalCloudError


def program(tmp_path: Path, script: str) -> Program:
    command = tmp_path / "bin" / "pulumi"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/calls\n{script}\n')
    command.chmod(0o755)
    return Program(tmp_path, "bench", {"PATH": f"{command.parent}:/usr/bin:/bin"}, tmp_path / "log")


def test_a_run_is_timed_to_its_end_on_its_own_stack(tmp_path: Path) -> None:
    assert program(tmp_path, "sleep 0.1").seconds("preview", "--expect-no-changes") >= 0.1
    calls = (tmp_path / "calls").read_text()
    assert calls == "preview --expect-no-changes --non-interactive --stack bench\n"


def test_a_run_that_fails_is_an_error_and_not_a_measurement(tmp_path: Path) -> None:
    with pytest.raises(LocalCloudError) as failed:
        program(tmp_path, "echo 'error: no changes were expected'; exit 255").seconds("up")
    assert str(failed.value) == (
        f"`pulumi up` of {tmp_path} ended with 255\n    | error: no changes were expected"
    )


def test_standard_output_is_returned_without_standard_error(tmp_path: Path) -> None:
    assert program(tmp_path, "echo '{}'; echo noise >&2").answer("stack", "export").endswith("{}\n")


def test_the_stack_itself_and_its_providers_are_not_counted_as_resources() -> None:
    types = ["pulumi:pulumi:Stack", "pulumi:providers:aws", "aws:ec2/vpc:Vpc", "k3s:aws:Network"]
    content = ", ".join(f'{{"type": "{each}"}}' for each in types)
    assert _resources(f'{{"deployment": {{"resources": [{content}]}}}}') == 2
