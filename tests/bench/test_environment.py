"""The files and clouds of a measurement are removed, also those of one that was killed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench import environment, startup
from bench.environment import BenchEnvironment
from bench.programs import Program
from bench.shape import ONE_SERVER
from localcloud.__main__ import FURTHER_K3S
from localcloud.errors import LocalCloudError
from localcloud.lifecycle import Cloud
from localcloud.workbench.folder import Folder
from toolchain.places import Places


@dataclass
class FakeCloud:
    """A local cloud that records its stop, or fails to stop."""

    error: str = ""
    stopped: list[bool] = field(default_factory=list)

    def stop(self, say: Callable[[str], None]) -> None:
        self.stopped.append(True)
        if self.error:
            raise LocalCloudError(self.error)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A checkout with the files of a run that was killed in the middle."""
    made = Folder(Places(tmp_path), "bench")
    (tmp_path / "bench" / "plain").mkdir(parents=True)
    made.state.mkdir(parents=True)
    served = made.path / "cloud" / FURTHER_K3S / "v1.36.5+standin1" / "k3s"
    served.parent.mkdir(parents=True)
    served.touch()
    for name in ("Pulumi.bench.yaml", "Pulumi.bench-many100.yaml"):
        (tmp_path / name).touch()
        (tmp_path / "bench" / "plain" / name).touch()
    # Not of the measurement.
    (tmp_path / "Pulumi.benchmark.yaml").touch()
    other = tmp_path / "other"
    other.mkdir()
    (other / "pulumi-resource-aws").write_text("#!/bin/sh\n")
    plugins = made.pulumi_home / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "resource-aws-v7.0.0").symlink_to(other)
    return made


def end(folder: Folder, cloud: FakeCloud, by_hand: FakeCloud) -> None:
    environment._end(folder, cloud, by_hand)  # type: ignore[arg-type]


def left(folder: Folder) -> list[str]:
    root = folder.places.root
    return sorted(str(each.relative_to(root)) for each in root.rglob("*") if each.is_file())


NOT_OF_THE_MEASUREMENT = ["Pulumi.benchmark.yaml", "other/pulumi-resource-aws"]


def test_everything_of_the_measurement_is_removed_and_nothing_else(folder: Folder) -> None:
    cloud, by_hand = FakeCloud(), FakeCloud()
    end(folder, cloud, by_hand)
    assert cloud.stopped == by_hand.stopped == [True]
    assert left(folder) == NOT_OF_THE_MEASUREMENT
    assert not folder.state.exists()
    assert list((folder.pulumi_home / "plugins").iterdir()) == []
    end(folder, cloud, by_hand)


def test_a_step_that_fails_stops_no_other_and_is_reported(folder: Folder) -> None:
    cloud, by_hand = FakeCloud("the daemon does not end"), FakeCloud()
    with pytest.raises(LocalCloudError, match="the daemon does not end"):
        end(folder, cloud, by_hand)
    assert by_hand.stopped == [True]
    assert left(folder) == NOT_OF_THE_MEASUREMENT


def test_an_interrupted_start_up_ends_its_pulumi_and_stays_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted:
        """The operator presses Ctrl-C while the nodes are waited for."""

        def __init__(self, *_: object) -> None:
            pass

        def until_ready(self, goes_on: Callable[[], bool]) -> float:
            assert goes_on()
            raise KeyboardInterrupt

    monkeypatch.setattr(startup, "connect", lambda: None)
    monkeypatch.setattr(startup, "Watch", Interrupted)
    command = tmp_path / "pulumi"
    command.write_text("#!/bin/sh\nexec sleep 60\n")
    command.chmod(0o755)
    program = Program(tmp_path, "bench", {"PATH": f"{tmp_path}:/usr/bin:/bin"}, tmp_path / "log")
    bench = BenchEnvironment(
        program=program,
        plain=program,
        cloud_id=Cloud(tmp_path).id,
        cloud_home=tmp_path,
        machines=None,  # type: ignore[arg-type]
        k3s=None,  # type: ignore[arg-type]
        aws_plugin="",
        say=print,
    )
    started: list[subprocess.Popen[bytes]] = []
    start = program.start

    def recorded(_: Program, *words: str) -> subprocess.Popen[bytes]:
        started.append(start(*words))
        return started[-1]

    monkeypatch.setattr(Program, "start", recorded)
    with pytest.raises(KeyboardInterrupt):
        startup.StartUps(bench, ONE_SERVER).by_program(leave=False)
    assert started[0].returncode == -9
