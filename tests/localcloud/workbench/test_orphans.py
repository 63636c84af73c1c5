"""What a killed pulumi leaves behind is found by the demo's Pulumi home, and nothing else is."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localcloud.workbench import orphans

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processes that only wait, under any name, and ends them with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(*words: str, home: Path) -> subprocess.Popen[bytes]:
        script = "echo; read _"
        process = subprocess.Popen(
            [words[0], "-c", script, *words[1:]],
            executable="/bin/sh",
            env={"PULUMI_HOME": str(home)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        # Once it talks, the kernel shows its words and environment.
        assert process.stdout
        process.stdout.read(1)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["/opt/bin/pulumi-language-python", "127.0.0.1:1"], "pulumi-language-python"),
        (["pulumi-resource-aws", "127.0.0.1:1"], "pulumi-resource-aws"),
        (["python", "-m", "localcloud.aws_plugin", "127.0.0.1:1"], "localcloud.aws_plugin"),
        (["python3", "-u", "-m", "provider", "127.0.0.1:1"], "provider"),
    ],
)
def test_a_plugin_of_the_demo_is_ended(
    tmp_path: Path, start: Start, words: list[str], name: str
) -> None:
    process = start(*words, home=tmp_path)
    assert orphans.end(tmp_path) == [f"{name} ({process.pid})"]
    assert process.wait(60) == -9


def test_a_plugin_of_another_pulumi_home_is_left_alone(tmp_path: Path, start: Start) -> None:
    process = start("pulumi-language-python", home=tmp_path / "other")
    assert orphans.end(tmp_path) == []
    assert process.poll() is None


def test_a_shell_with_the_demos_environment_is_left_alone(tmp_path: Path, start: Start) -> None:
    process = start("bash", home=tmp_path)
    assert orphans.end(tmp_path) == []
    assert process.poll() is None


def test_a_plugin_whose_pulumi_is_alive_is_left_alone(tmp_path: Path) -> None:
    # A preview by hand holds no lock, but needs its plugins.
    script = "(exec -a pulumi-resource-aws bash -c 'echo; read _; :'); :"
    with subprocess.Popen(
        ["pulumi", "-c", script],
        executable="/bin/bash",
        env={"PULUMI_HOME": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as pulumi:
        assert pulumi.stdout
        pulumi.stdout.read(1)
        assert orphans.end(tmp_path) == []
        pulumi.communicate(b"\n")
        assert pulumi.returncode == 0


def test_where_nobody_works_by_hand_pulumi_itself_is_ended_with_its_plugins(
    tmp_path: Path, start: Start
) -> None:
    """`make bench` after one that was killed: its pulumi lives on."""
    plugin = start("pulumi-language-python", home=tmp_path)
    engine = start("/opt/bin/pulumi", "up", home=tmp_path)
    theirs = start("/opt/bin/pulumi", "up", home=tmp_path / "other")
    ended = orphans.end(tmp_path, engines=True)
    assert sorted(ended) == sorted(
        [f"pulumi ({engine.pid})", f"pulumi-language-python ({plugin.pid})"]
    )
    assert (engine.wait(60), plugin.wait(60)) == (-9, -9)
    assert theirs.poll() is None
