"""`make check` leaves the slow tests out, and `make test` runs every test."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from _pytest.mark.expression import Expression

from tests.conftest import (
    IN_ONE_PROCESS,
    LONGEST_FIRST,
    ONE_BY_ONE,
    SLOW_FIXTURES,
    SLOW_PLACES,
    is_slow,
)

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
MARKERS = ("localcloud", "slow")
APART = "tests/localcloud"
# Options that leave no test out.
OTHER = ("--numprocesses=", "--durations")


@dataclass(frozen=True)
class Selection:
    """What one call of pytest in the Makefile runs: a marker expression, a folder left out."""

    expression: str
    ignored: frozenset[str]

    def runs(self, folder: str, markers: Mapping[str, bool]) -> bool:
        def is_marked(name: str, /, **_: str | int | bool | None) -> bool:
            return markers[name]

        chosen = Expression.compile(self.expression).evaluate(is_marked)
        return chosen and folder not in self.ignored


def selections() -> dict[str, Selection]:
    """By the target of the Makefile; options that leave tests out in other ways are errors."""
    found: dict[str, Selection] = {}
    target = ""
    for line in MAKEFILE.splitlines():
        if heading := re.match(r"([a-z-]+):", line):
            target = heading[1]
        if "-m pytest" not in line:
            continue
        expression, ignored = "", set()
        words = iter(shlex.split(line.partition("-m pytest")[2]))
        for word in words:
            if word == "-m":
                expression = next(words)
            elif word.startswith("--ignore="):
                ignored.add(word.removeprefix("--ignore="))
            elif word == "-p":
                # No test that is fast looks at logs; tests of a cluster go in the order of a file.
                assert next(words) in ("no:logging", "no:randomly")
            else:
                assert word in ("-q", "--no-loadscope-reorder") or word.startswith(OTHER), line
        assert target not in found
        found[target] = Selection(expression, frozenset(ignored))
    return found


@pytest.mark.parametrize("folder", ["tests/cluster", APART])
@pytest.mark.parametrize("marked", [*itertools.product([False, True], repeat=len(MARKERS))])
def test_every_test_is_run_by_exactly_one_of_the_targets(
    folder: str, marked: tuple[bool, ...]
) -> None:
    markers = dict(zip(MARKERS, marked, strict=True))
    if folder == APART and not markers["localcloud"]:
        assert is_slow(f"{folder}/test_a.py::test_b", ())
        markers["slow"] = True
    runs = [target for target, each in selections().items() if each.runs(folder, markers)]
    assert len(runs) == 1


def test_the_targets_leave_out_what_these_tests_know_of() -> None:
    found = selections()
    assert set(found) == {"unit", "slow", "test"}
    assert set().union(*(each.ignored for each in found.values())) == {APART}


def test_make_test_runs_all_of_them_and_make_check_the_fast_ones() -> None:
    recipe = MAKEFILE.partition("\ntest:")[2].partition("\n\n")[0]
    assert re.search(r"\$\(MAKE\) .* check slow$", recipe, re.M)
    recipe = MAKEFILE.partition("\ncheck:")[2].partition("\n\n")[0]
    assert re.search(r"\$\(MAKE\) .* lint types unit$", recipe, re.M)


@pytest.mark.parametrize(
    "place",
    [*SLOW_PLACES, *dict(SLOW_FIXTURES), *IN_ONE_PROCESS, *ONE_BY_ONE, *LONGEST_FIRST],
)
def test_a_place_that_the_configuration_of_the_tests_names_exists(place: str) -> None:
    assert (ROOT / "tests" / place).exists()


@pytest.mark.parametrize(("folder", "fixture"), SLOW_FIXTURES)
def test_a_slow_fixture_exists(folder: str, fixture: str) -> None:
    assert f"def {fixture}(" in (ROOT / "tests" / folder / "conftest.py").read_text()


def test_tests_are_slow_by_their_place_or_by_what_their_folder_starts() -> None:
    assert is_slow("tests/recovery/test_recover.py::test_a", ())
    assert is_slow("tests/provider/nodes/test_node.py::test_a", ["tmp_path", "machine"])
    assert not is_slow("tests/provider/test_keys.py::test_a", ["tmp_path"])
    assert not is_slow("tests/toolchain/test_k3s.py::test_a", ["machine"])


def test_clusters_that_may_stand_at_the_same_time_have_networks_of_their_own() -> None:
    # Docker refuses networks that overlap, and two processes run these tests side by side.
    written = [
        (file.name, cidr)
        for file in sorted((ROOT / APART).rglob("test_*.py"))
        for cidr in re.findall(r"""vpcCidr(?:["']: |=)["'](10\.[0-9./]+)["']""", file.read_text())
    ]
    assert written == [("test_package.py", "10.65.0.0/33")], "vpc_ranges.take() has one"
