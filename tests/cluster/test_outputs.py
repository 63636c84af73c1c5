"""The declared outputs, and what is generated from them."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from cluster import output_types, outputs
from cluster.outputs import OUTPUTS, UndeclaredOutput
from tests.cluster import output_schema

ALL_THAT_IS_ALWAYS_THERE = dict.fromkeys(
    ("apiEndpoint", "nodes", "bootReport", "bom", "cost", "clusterRecord"), "value"
)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(output_schema.SCHEMA)


def test_every_kubeconfig_is_secret_and_nothing_else() -> None:
    for each in OUTPUTS:
        assert each.secret == (each.schema is output_types.KUBECONFIG), each.name


def test_no_name_is_declared_twice() -> None:
    for each in OUTPUTS:
        name = f"{each.name}a" if each.is_prefix else each.name
        assert [found for found in OUTPUTS if found.matches(name)] == [each]


def test_what_is_not_declared_is_a_bug() -> None:
    outputs.require_complete({**ALL_THAT_IS_ALWAYS_THERE, "kubeconfig-viewer": "a"})
    with pytest.raises(UndeclaredOutput, match='"another" is not declared'):
        outputs.require_complete({**ALL_THAT_IS_ALWAYS_THERE, "another": "a"})


def test_what_is_missing_is_a_bug() -> None:
    values = {**ALL_THAT_IS_ALWAYS_THERE}
    del values["nodes"]
    with pytest.raises(UndeclaredOutput, match="does not export nodes"):
        outputs.require_complete(values)


def test_the_program_exports_through_the_declarations_alone() -> None:
    root = Path(__file__).parents[2]
    sources = [root / "__main__.py", *sorted((root / "components").rglob("*.py"))]
    exporting = [each.name for each in sources if "pulumi.export(" in each.read_text()]
    assert exporting == ["stack_outputs.py"]


def test_a_value_of_another_type_is_found() -> None:
    found = output_schema.faults({**ALL_THAT_IS_ALWAYS_THERE, "kubeconfig": {}, "more": 1})
    assert len(found) == 8
