"""Docs, schema and validator agree: all three are generated from reading/keys/."""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from boot import drain
from cluster import config, reference
from cluster.errors import ConfigError
from cluster.reading.declarations import Key, Object, Objects
from cluster.reading.keys import TOP, table
from tests.golden import rendering, rewrite

DOCS = Path(__file__).parents[2] / "docs"
INVALID = Path(__file__).parents[1] / "invalid"
OPEN = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": ["203.0.113.0/24"]}
SCHEMA = json.loads(reference.stack_schema())
# A list is the wrong type for every key but lists, a number for those.
WRONG: tuple[Any, ...] = ([], 7)


def declared(keys: Mapping[str, Key], path: tuple[str | int, ...]) -> Iterator[Any]:
    for name, key in keys.items():
        yield (*path, name)
        if isinstance(key, Object):
            yield from declared(key.keys, (*path, name))
        elif isinstance(key, Objects):
            yield from declared(key.keys, (*path, name, 0))


ALL = list(declared(TOP.keys, ()))


def with_value(path: tuple[str | int, ...], value: Any) -> Any:
    """A valid configuration except for the value at the path."""
    raw: Any = {"network": dict(OPEN), "pools": [{"name": "agents"}], "servers": {}}
    here = raw
    for step, following in itertools.pairwise(path):
        if isinstance(step, int):
            while len(here) <= step:
                here.append({})
            here = here[step]
        else:
            here = here.setdefault(step, [] if isinstance(following, int) else {})
    here[path[-1]] = value
    return raw


def as_path(path: tuple[str | int, ...]) -> str:
    steps = (f"[{each}]" if isinstance(each, int) else f".{each}" for each in path)
    return "cluster" + "".join(steps)


@pytest.mark.parametrize("path", ALL, ids=map(as_path, ALL))
def test_the_validator_reads_every_declared_key_at_its_path(path: tuple[str | int, ...]) -> None:
    found = set()
    for value in WRONG:
        try:
            config.load(with_value(path, value), stack="dev")
        except ConfigError as error:
            found |= {problem.path for problem in error.problems}
    assert as_path(path) in found


@pytest.mark.parametrize("path", ALL, ids=map(as_path, ALL))
def test_the_schema_refuses_the_same_wrong_types(path: tuple[str | int, ...]) -> None:
    stacks = [{"config": {"k3s-aws:cluster": with_value(path, value)}} for value in WRONG]
    assert not all(jsonschema.Draft7Validator(SCHEMA).is_valid(stack) for stack in stacks)


def test_the_page_and_the_schema_in_docs_are_up_to_date(tmp_path: Path) -> None:
    pages = ("configuration.md", "outputs.md")
    for name in (*pages, "stack.schema.json", "base.schema.json", "outputs.schema.json"):
        (tmp_path / name).write_text((DOCS / name).read_text())
    assert rewrite.rewrite_reference(tmp_path) == []


def test_over_a_base_nothing_is_required_but_names_and_null_removes() -> None:
    based = {"config": {"k3s-aws:base": "environments/base.yaml"}}
    validator = jsonschema.Draft7Validator(SCHEMA)
    right: list[Any] = [{}, {"network": {"apiAllowedCidrs": None}}, {"pools": [{"name": "a"}]}]
    wrong: list[Any] = [{"pools": [{"count": 1}]}, {"servers": {"count": "1"}}, {"nme": "a"}]
    for cluster in right:
        stack = {"config": {**based["config"], "k3s-aws:cluster": cluster}}
        assert validator.is_valid(stack)
        assert not validator.is_valid({"config": {"k3s-aws:cluster": cluster}})
    for cluster in wrong:
        assert not validator.is_valid({"config": {**based["config"], "k3s-aws:cluster": cluster}})


def test_the_base_of_the_examples_passes_its_schema_and_a_wrong_one_does_not() -> None:
    validator = jsonschema.Draft7Validator(json.loads(reference.base_schema()))
    file = DOCS.parent / "examples" / "environments" / "base.yaml"
    assert list(validator.iter_errors(yaml.safe_load(file.read_text()))) == []
    wrong: list[Any] = [{"nme": "a"}, {"pools": [{"count": 1}]}, {"servers": {"count": "1"}}, []]
    assert [each for each in wrong if validator.is_valid(each)] == []


def test_the_page_has_a_section_for_every_object() -> None:
    marks = re.findall(r"^<!-- keys of (.+) -->$", (DOCS / "configuration.md").read_text(), re.M)
    assert sorted(marks) == sorted(path for path, _ in table.sections())


def test_the_page_has_a_row_for_every_key() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", (DOCS / "configuration.md").read_text(), re.M)
    names = [path.rsplit(".", 1)[1] for path in table.declared()]
    assert sorted(set(names)) == sorted(set(rows) & set(names))
    assert len(names) <= len(rows)


def test_every_key_has_a_description() -> None:
    assert [path for path, key in _leaves() if len(key.description) < 4] == []


def test_every_value_has_an_effect() -> None:
    assert [path for path, key in _leaves() if key.effect is None] == []


def test_no_row_of_a_table_is_a_paragraph() -> None:
    rows = [each for each in (DOCS / "configuration.md").read_text().splitlines() if "|" in each]
    assert [row for row in rows if len(row) > 200] == []


def test_the_types_are_those_of_json() -> None:
    kinds = {reference.type_name(key) for _, key in _leaves() if not getattr(key, "choices", ())}
    assert {kind.partition(",")[0] for kind in kinds} == {
        *("string", "boolean", "integer", "object"),
        *("list of strings", "map of strings"),
    }


def _leaves() -> Iterator[tuple[str, Key]]:
    def below(keys: Mapping[str, Key], path: str) -> Iterator[tuple[str, Key]]:
        for name, key in keys.items():
            if isinstance(key, Object | Objects) and key.keys:
                yield from below(key.keys, f"{path}.{name}")
            else:
                yield f"{path}.{name}", key

    return below(TOP.keys, "cluster")


@pytest.mark.parametrize("example", rendering.NAMES)
def test_every_example_passes_the_schema(example: str) -> None:
    stack = yaml.safe_load(rendering.FILES[example].read_text())
    assert [str(each) for each in jsonschema.Draft7Validator(SCHEMA).iter_errors(stack)] == []


@pytest.mark.parametrize("fault", ["wrong-types", "misspelt-key", "nothing-set", "yaml-numbers"])
def test_what_has_the_wrong_shape_fails_the_schema_too(fault: str) -> None:
    raw = yaml.safe_load((INVALID / f"{fault}.yaml").read_text())
    stack = {"config": {"k3s-aws:cluster": raw}}
    assert not jsonschema.Draft7Validator(SCHEMA).is_valid(stack)


def test_the_limit_of_a_drain_where_a_machine_stops_is_documented() -> None:
    description = TOP.keys["drainSeconds"].description
    assert f"(then {drain.LONGEST_SECONDS} at most)" in description


def test_a_table_that_was_changed_by_hand_is_restored() -> None:
    page = (DOCS / "configuration.md").read_text()
    changed = page.replace("| `drainSeconds` |", "| `drainMinutes` |")
    assert changed != page
    assert reference.with_tables(changed) == page


def test_reading_does_not_change_its_input() -> None:
    raw = rendering.configuration("prod")
    before = copy.deepcopy(raw)
    config.load(raw, stack="prod")
    assert raw == before
