"""Stages are announced and timed."""

from __future__ import annotations

from localcloud.workbench.stages import Stages


def test_each_stage_is_announced_and_timed() -> None:
    output: list[str] = []
    clock = iter([10.0, 12.5, 20.0, 20.04])
    stages = Stages(output.append, clock=lambda: next(clock))
    with stages.stage("k3s") as report:
        report("the stand-in")
    with stages.stage("pulumi up"):
        pass
    assert output == ["==> k3s", "    the stand-in", "==> pulumi up (0:02 so far)"]
    assert stages.summary == "k3s 2.5, pulumi up 0.0; 2.5 in all"


def test_a_stage_reports_the_time_since_the_start_and_the_next_stage() -> None:
    output: list[str] = []
    clock = iter([0.0, 12.0, 12.0, 13.0])
    stages = Stages(output.append, ["k3s", "pulumi up"], before=600.0, clock=lambda: next(clock))
    for name in ("k3s", "pulumi up"):
        with stages.stage(name):
            pass
    assert output == ["==> k3s (10:00 so far, next: pulumi up)", "==> pulumi up (10:12 so far)"]
    assert stages.summary == "prepared 10:00, k3s 12.0, pulumi up 1.0; 613.0 in all"
