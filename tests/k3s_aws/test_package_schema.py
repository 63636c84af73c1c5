"""The schema of the package has every key of the configuration, as it is declared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from cluster.reading.declarations import Key
from cluster.reading.keys import TOP, table
from k3s_aws import package_outputs, package_schema

SCHEMA: dict[str, Any] = json.loads(package_schema.render())
COMPONENT = SCHEMA["resources"][package_schema.TOKEN]


def type_of(shape: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The type that a property refers to, in a list too."""
    shape = shape.get("items") or shape
    reference = str(shape.get("$ref", ""))
    return SCHEMA["types"][reference.removeprefix("#/types/")] if "#/types/" in reference else None


def paths(type_: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every property below a type, as the table of the keys names them."""
    for key, shape in type_["properties"].items():
        yield f"{path}.{key}", shape
        below = type_of(shape)
        if below and "properties" in below:
            yield from paths(below, f"{path}.{key}[]" if "items" in shape else f"{path}.{key}")


def found() -> dict[str, Mapping[str, Any]]:
    top = type_of(COMPONENT["inputProperties"]["cluster"])
    assert top
    return dict(paths(top, "cluster"))


# Its keys, such as `metrics-server`, are no identifiers: a map of booleans.
IN_A_MAP = "cluster.k3s.components."


def declared() -> dict[str, Key]:
    return {path: key for path, key in table.declared().items() if not path.startswith(IN_A_MAP)}


def test_every_declared_key_is_a_property() -> None:
    assert declared().keys() <= found().keys()
    components = found()["cluster.k3s.components"]
    assert components["additionalProperties"] == {"type": "boolean"}


@pytest.mark.parametrize("path", sorted(declared()))
def test_a_key_that_must_be_given_is_required(path: str) -> None:
    owner, _, key = path.rpartition(".")
    top = type_of(COMPONENT["inputProperties"]["cluster"])
    type_ = top if owner == "cluster" else type_of(found()[owner.removesuffix("[]")])
    assert type_
    assert (key in type_["required"]) is declared()[path].required


def test_what_is_secret_is_marked_so_that_no_language_leaves_it_in_plain_text() -> None:
    secret = {key for key, each in COMPONENT["properties"].items() if each.get("secret")}
    assert secret == {"kubeconfig", "kubeconfigs", "adminKubeconfig"}
    given = {key for key, each in COMPONENT["inputProperties"].items() if each.get("secret")}
    assert given == {"registryAuth", "loginKey"}


def test_every_reference_leads_to_a_type_and_every_type_is_referred_to() -> None:
    text = package_schema.render()
    for token in SCHEMA["types"]:
        assert f'"#/types/{token}"' in text
    assert TOP.description.split(";")[0] in COMPONENT["inputProperties"]["cluster"]["description"]
    assert {*package_outputs.REQUIRED} <= {*COMPONENT["properties"]}
