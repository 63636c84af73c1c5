"""The rules over plain values: what each reports, and that it reports nothing else."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from cluster.version import VERSION
from k3s_policy.resource import UNKNOWN, Resource
from k3s_policy.rule import Finding, NotKnown, ResourceRule, StackRule, Violation
from k3s_policy.rules import RULES
from tests.golden import rewrite
from tests.policy import examined
from tests.policy.stack_state import STACK, resource, urn

ROOT = Path(__file__).parents[2]
NAMES = [rule.name for rule in RULES]


def resources(described: Sequence[dict[str, Any]], *, outputs: bool) -> list[Resource]:
    """As the engine hands them over: inputs for each, outputs for the stack."""
    return [
        Resource(
            type=each["type"],
            name=each["urn"].rpartition("::")[2],
            urn=each["urn"],
            properties=each["outputs" if outputs else "inputs"],
            related=each.get("propertyDependencies", {}),
        )
        for each in described
    ]


def stack(outputs: dict[str, Any]) -> Resource:
    return Resource(type=STACK, name="test", urn=urn(STACK, "test"), properties=outputs)


def findings(
    described: Sequence[dict[str, Any]], outputs: dict[str, Any] | None = None, **settings: Any
) -> Iterator[tuple[str, Finding]]:
    """What every rule finds, with its name; `settings` are those that are given."""
    for rule in RULES:
        known = {key: value for key, value in settings.items() if key in rule.settings}
        if isinstance(rule, ResourceRule):
            for each in resources(described, outputs=False):
                if each.type in rule.types:
                    for found in rule.check(each, rule.complete(known)):
                        yield rule.name, found
        elif isinstance(rule, StackRule):
            every = [stack(outputs or {}), *resources(described, outputs=True)]
            for found in rule.check(every, rule.complete(known)):
                yield rule.name, found


def violated(
    described: Sequence[dict[str, Any]], outputs: dict[str, Any] | None = None, **settings: Any
) -> list[str]:
    return [
        name
        for name, found in findings(described, outputs, **settings)
        if isinstance(found, Violation)
    ]


@pytest.mark.parametrize("name", [name for name in NAMES if examined.BAD[name]])
def test_what_breaks_a_rule_breaks_that_one_alone_and_once(name: str) -> None:
    assert violated(examined.BAD[name]) == [name]


def test_the_outputs_break_the_rules_about_them() -> None:
    assert violated([], examined.OUTPUTS) == [
        "own-image-has-generation",
        "no-administrator-kubeconfig",
    ]


def test_every_rule_has_a_stack_that_breaks_it_and_there_are_more_than_twelve() -> None:
    assert sorted(examined.BAD) == sorted(NAMES)
    assert len(set(NAMES)) == len(NAMES) >= 13


def test_a_stack_in_order_breaks_none() -> None:
    assert violated(examined.GOOD, examined.GOOD_OUTPUTS) == []


def test_no_message_has_a_secret() -> None:
    every = [each for described in examined.BAD.values() for each in described]
    messages = [
        found.message
        for _, found in findings(every, examined.OUTPUTS)
        if isinstance(found, Violation)
    ]
    assert messages
    assert not any(part in each for each in messages for part in examined.TOKEN.split("::"))


def test_every_message_has_a_way_to_fix_it() -> None:
    every = [each for described in examined.BAD.values() for each in described]
    for _, found in findings(every, examined.OUTPUTS):
        assert isinstance(found, Violation)
        assert "\n    " in found.message


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_the_defaults_of_a_rule_are_valid_by_its_schema(rule: Any) -> None:
    for each in rule.settings.values():
        jsonschema.Draft7Validator.check_schema(each.json_schema)
        assert jsonschema.Draft7Validator(each.json_schema).is_valid(each.schema["default"])


# What the engine does with these is in tests/localcloud/test_policy.py.
@pytest.mark.parametrize(
    ("rule", "setting", "right", "wrong"),
    [
        ("owner-tag", "types", examined.INSTANCE, "aws:ec2:Instance"),
        ("expiry-tag", "types", "aws:s3/bucketV2:BucketV2", "ec2/instance:Instance"),
        ("no-secret-in-user-data", "ignoredKinds", "a private key in PEM", "a private key"),
        ("ranges-of-a-group", "allowedCidrs", "198.51.100.0/24", "198.51.100/24"),
        ("api-and-ssh-not-from-everywhere", "allowedCidrs", "2001:db8::/32", "2001:db8::/129"),
        ("node-ports-not-from-outside", "allowedCidrs", "198.51.100.7", "198.51.100.0/33"),
    ],
)
def test_a_misspelt_name_in_a_setting_is_not_valid(
    rule: str, setting: str, right: str, wrong: str
) -> None:
    schema = next(each for each in RULES if each.name == rule).settings[setting].json_schema
    valid = jsonschema.Draft7Validator(schema).is_valid
    assert (valid([right]), valid([right, wrong])) == (True, False)


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_a_setting_that_a_rule_does_not_have_is_refused_by_its_name(rule: Any) -> None:
    with pytest.raises(
        ValueError, match=f"rule {rule.name} has no setting widestPrefix\n"
    ) as error:
        rule.complete({"widestPrefix": 24})
    assert all(name in str(error.value) for name in rule.settings)


def test_a_pattern_that_is_no_regular_expression_is_refused_by_its_number() -> None:
    described = [resource(examined.INSTANCE, "x", examined.machine())]
    with pytest.raises(ValueError, match=r"no-secret-in-user-data, setting patterns: pattern 2 is"):
        violated(described, patterns=["key-[0-9]", "key-("])


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_no_rule_fails_where_nothing_is_known(rule: Any) -> None:
    types = rule.types if isinstance(rule, ResourceRule) else sorted(_types())
    every = [one for type_ in types for one in _unknown(type_)]
    unknown = stack(dict.fromkeys(("clusterRecord", "bom", "kubeconfig"), UNKNOWN))
    given = [[unknown, *every]] if isinstance(rule, StackRule) else every
    for each in given:
        for found in rule.check(each, rule.complete(None)):
            assert isinstance(found, NotKnown | Violation)


def _types() -> set[str]:
    return {type_ for rule in RULES if isinstance(rule, ResourceRule) for type_ in rule.types}


def _unknown(type_: str) -> Iterator[Resource]:
    """A resource whose every property is unknown, at the top and below."""
    keys = (
        *("tags", "ami", "imageId", "instanceType", "userData", "userDataBase64", "encrypted"),
        *("metadataOptions", "rootBlockDevice", "ebsBlockDevices", "blockDeviceMappings"),
        *("ingress", "type", "protocol", "ipProtocol", "fromPort", "toPort", "cidrIpv4"),
        *("cidrBlocks", "nodeConfig", "podSecurity", "namespaces", "metadata", "spotPrice"),
        *("instanceMarketOptions", "securityGroupId", "prefixListId", "architecture", "id"),
    )
    flat = dict.fromkeys(keys, UNKNOWN)
    nested = {key: dict.fromkeys(keys, UNKNOWN) for key in keys}
    lists = {key: [UNKNOWN] for key in keys}
    for properties in (flat, nested, lists):
        yield Resource(type=type_, name="x", urn=urn(type_, "x"), properties=properties)


@pytest.mark.parametrize(
    ("type_", "properties", "path"),
    [
        (examined.RULE, {"cidrIpv4": UNKNOWN, **examined.TCP_22}, "cidrIpv4"),
        (examined.INSTANCE, {"userDataBase64": UNKNOWN}, "userDataBase64"),
        (examined.INSTANCE, {"rootBlockDevice": UNKNOWN}, "rootBlockDevice.encrypted"),
        (examined.INSTANCE, {"metadataOptions": UNKNOWN}, "metadataOptions.httpTokens"),
        ("k3s:index:Node", {"nodeConfig": UNKNOWN}, "nodeConfig.pool.k3s"),
    ],
)
def test_what_a_preview_does_not_have_is_reported_as_not_known(
    type_: str, properties: dict[str, Any], path: str
) -> None:
    given = Resource(type=type_, name="x", urn=urn(type_, "x"), properties=properties)
    paths = {
        found.path
        for rule in RULES
        if isinstance(rule, ResourceRule) and type_ in rule.types
        for found in rule.check(given, rule.complete(None))
        if isinstance(found, NotKnown)
    }
    assert path in paths


def test_the_version_of_the_pack_is_the_programs() -> None:
    project = yaml.safe_load((ROOT / "policy" / "PulumiPolicy.yaml").read_text())
    assert project["version"] == VERSION


def test_the_page_of_the_pack_has_every_rule_and_setting(tmp_path: Path) -> None:
    (tmp_path / "policy.md").write_text((ROOT / "docs" / "policy.md").read_text())
    assert rewrite.rewrite_policy(tmp_path) == []
    assert all(f"`{name}`" in (tmp_path / "policy.md").read_text() for name in NAMES)


def test_the_executable_of_the_pack_names_what_makes_its_environment(tmp_path: Path) -> None:
    (tmp_path / "policy").mkdir()
    run = shutil.copy(ROOT / "policy" / "run", tmp_path / "policy")
    done = subprocess.run([run, "127.0.0.1:1"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "make it: python3 -m toolchain policy" in done.stderr
