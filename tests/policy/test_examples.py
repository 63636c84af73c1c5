"""Every example, built with the SDK's mocks: what the rules report about its resources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster import record, record_json
from k3s_policy.machines import NODE
from k3s_policy.resource import Resource
from k3s_policy.rule import Finding, ResourceRule, StackRule, Violation
from k3s_policy.rules import RULES
from k3s_policy.user_data import INSTANCE
from tests.components.recording import build_cluster
from tests.golden import rendering
from tests.policy.stack_state import STACK, urn

# Each by its own choice: what needs no end has no expiry, and dev is for trying things out.
BROKEN = {
    "pull-request": [],
    "laptop": [],
    "mixed-spot": ["expiry-tag"],
    "dev": ["expiry-tag", "no-administrator-kubeconfig"],
    "staging": ["expiry-tag"],
    "prod": ["expiry-tag"],
}
WITHOUT_TAGS = ["expiry-tag", "owner-tag"]


def resources(name: str) -> list[Resource]:
    """The resources of an example, and its stack with the outputs that need no machine."""
    cluster = rendering.load(name)
    stored = cluster.architectures if cluster.k3s.from_bucket else ()
    built = build_cluster(lambda: cluster, k3s_files={each: Path("k3s") for each in stored})
    outputs: dict[str, Any] = {"clusterRecord": record_json.render(record.of(cluster))}
    if cluster.admin_kubeconfig:
        outputs["adminKubeconfig"] = "apiVersion: v1"
    found = [
        Resource(
            type=each.type,
            name=each.name,
            urn=urn(each.type, each.name, *each.qualified_type.split("$")[:-1]),
            properties=each.inputs,
        )
        for each in built.resources
    ]
    return [Resource(type=STACK, name=name, urn=urn(STACK, name), properties=outputs), *found]


def findings(given: list[Resource]) -> Iterator[tuple[str, Finding]]:
    for rule in RULES:
        settings = rule.complete(None)
        if isinstance(rule, StackRule):
            yield from ((rule.name, found) for found in rule.check(given, settings))
        elif isinstance(rule, ResourceRule):
            for each in given:
                if each.type in rule.types:
                    yield from ((rule.name, found) for found in rule.check(each, settings))


@pytest.mark.parametrize("name", rendering.NAMES)
def test_an_example_breaks_only_what_it_means_to(name: str) -> None:
    given = resources(name)
    types = Counter(each.type for each in given)
    assert types[INSTANCE] == types[NODE] == len(rendering.load(name).nodes)
    found = list(findings(given))
    assert sorted(rule for rule, _ in found) == BROKEN.get(name, WITHOUT_TAGS), found
    assert all(isinstance(each, Violation) for _, each in found)
