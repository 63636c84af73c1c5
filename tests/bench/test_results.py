"""The report of `make bench`."""

from __future__ import annotations

import json

from bench.results import Comparison, Results

START = Comparison(
    what="start of 3 machines to all Ready",
    floor="the same k3s started by hand",
    floor_seconds=[4.0, 9.0, 5.0],
    program_seconds=[6.0, 7.0, 30.0],
    goal=1.5,
)
RESULTS = Results(
    k3s="the stand-in, v1.36.4+standin1",
    aws_plugin="the stand-in for the aws plugin, 7.0.0",
    processors=2,
    comparisons=[START],
    boot={"server: start-k3s": [3.00049, 2.0, 4.0]},
    up_seconds=[12.0],
    memory={"program": 412},
    check_seconds=[18.0, 17.0, 30.0],
)


def test_the_ratio_is_of_medians_so_that_one_slow_run_does_not_decide() -> None:
    assert START.ratio == 7.0 / 5.0


def test_the_report_names_floor_goal_and_stand_ins() -> None:
    assert str(RESULTS) == (
        "k3s         the stand-in, v1.36.4+standin1\n"
        "aws plugin  the stand-in for the aws plugin, 7.0.0\n"
        "processors  2\n"
        "\n"
        "start of 3 machines to all Ready       7.00 s   1.40 x   (goal: 1.5 or less)\n"
        "    the same k3s started by hand       5.00 s\n"
        "\n"
        "where the start-up goes, medians\n"
        "    server: start-k3s                  3.00 s\n"
        "the whole `pulumi up`                 12.00 s\n"
        "\n"
        "memory of the preview of 1,000 agents, peaks\n"
        "    program                             412 MiB\n"
        "\n"
        "`make check`, warm                    18.00 s           (goal: 20 s or less)"
    )


def test_the_file_holds_every_repetition() -> None:
    content = json.loads(RESULTS.json)
    assert content["comparisons"] == [
        {
            "what": "start of 3 machines to all Ready",
            "floor": "the same k3s started by hand",
            "floorSeconds": [4.0, 9.0, 5.0],
            "programSeconds": [6.0, 7.0, 30.0],
            "ratio": 1.4,
            "goal": 1.5,
        }
    ]
    assert content["bootSeconds"] == {"server: start-k3s": [3.0, 2.0, 4.0]}
    assert content["upSeconds"] == [12.0]
