"""The names that land in Pulumi state stay as they are (docs/decisions/0014)."""

from __future__ import annotations

import pytest

from tests.golden import state_names


@pytest.mark.parametrize("file", state_names.FILES)
def test_the_names_in_state_are_those_of_the_goldens(file: str) -> None:
    golden = (state_names.FOLDER / file).read_text()
    if changes := state_names.explain(file, golden, state_names.render(file)):
        pytest.fail(changes, pytrace=False)


def test_every_golden_of_the_names_is_compared() -> None:
    found = sorted(path.name for path in state_names.FOLDER.iterdir())
    assert found == sorted(state_names.FILES)


def test_a_changed_name_is_reported_with_what_to_do() -> None:
    text = state_names.explain("laptop.txt", "type old\n", "type new\n")
    assert text.startswith("Names in state are part of the state format")
    assert "docs/decisions/0014" in text
    assert text.splitlines()[-2:] == ["- type old", "+ type new"]


def test_a_changed_name_in_the_schema_is_reported_with_its_path() -> None:
    golden = '{"resources": {"k3s:index:Node": {"requiredInputs": ["ssh", "role"]}}}'
    rendered = '{"resources": {"k3s:index:Node": {"requiredInputs": ["role", "api", "ssh"]}}}'
    text = state_names.explain(state_names.SCHEMA, golden, rendered)
    assert text.splitlines()[-2:] == [
        "tests/golden/state/provider-schema.json:",
        '+ resources k3s:index:Node requiredInputs: "api"',
    ]
