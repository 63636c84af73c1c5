"""
Every invalid configuration of tests/invalid/ fails with exactly the message beside it.

A file of tests/invalid/changes/ has two configurations, before and after a change that is rejected.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml

from cluster import comparison, config, node_config, record, record_json, user_data
from cluster.errors import ChangeRejected, ClusterError, ConfigError, Kind
from cluster.model import Cluster
from tests.cluster import ec2

INVALID = Path(__file__).parent.parent / "invalid"
# In place of the boot program, so that a message does not change with every line of that.
PROGRAM = {"__main__.py": random.Random(1).randbytes(6000).hex()}
FAULTS = sorted(path.stem for path in INVALID.glob("*.yaml"))
CHANGES = sorted(path.stem for path in INVALID.glob("changes/*.yaml"))


def read(file: Path) -> object:
    # libyaml: ten times as fast as the reader in Python.
    return yaml.load(file.read_text(), yaml.CSafeLoader)


@pytest.mark.parametrize("fault", FAULTS)
def test_an_invalid_configuration_is_rejected_with_its_message(fault: str) -> None:
    raw = read(INVALID / f"{fault}.yaml")
    with pytest.raises(ClusterError) as rejection:
        resolved(raw)
    assert f"{rejection.value}\n" == (INVALID / f"{fault}.txt").read_text()


def resolved(raw: object) -> Cluster:
    cluster = config.load(raw, stack="dev")
    cluster = ec2.resolve(cluster)
    ec2.require_quotas(cluster)
    user_data.require_room(node_config.longest(cluster), PROGRAM)
    return cluster


@pytest.mark.parametrize("fault", CHANGES)
def test_a_change_that_cannot_be_made_is_rejected_with_its_message(fault: str) -> None:
    text = (INVALID / "changes" / f"{fault}.yaml").read_text()
    before, after = yaml.load_all(text, yaml.CSafeLoader)
    outputs = {record.OUTPUT: record_json.render(record.of(resolved(before)))}
    with pytest.raises(ChangeRejected) as rejection:
        comparison.compare(outputs, resolved(after))
    assert f"{rejection.value}\n" == (INVALID / "changes" / f"{fault}.txt").read_text()


@pytest.mark.parametrize(("folder", "faults"), [(".", FAULTS), ("changes", CHANGES)])
def test_every_expected_message_has_its_configuration(folder: str, faults: list[str]) -> None:
    assert sorted(path.stem for path in (INVALID / folder).glob("*.txt")) == faults


def kinds(fault: str) -> set[Kind]:
    with pytest.raises(ConfigError) as rejection:
        resolved(read(INVALID / f"{fault}.yaml"))
    return {problem.kind for problem in rejection.value.problems}


KINDS = {
    "allow-lists-missing": Kind.REQUIRED,
    "wrong-types": Kind.TYPE,
    "image-not-an-id": Kind.INVALID,
    "misspelt-key": Kind.UNKNOWN_KEY,
    "duplicate-pool-names": Kind.DUPLICATE,
    "subnets-and-a-vpc": Kind.CONFLICT,
    "more-nodes-than-addresses": Kind.LIMIT,
    "spot-server": Kind.FORBIDDEN,
    "manifest-with-a-secret": Kind.SECRET,
    "instance-type-unknown": Kind.UNAVAILABLE,
}


@pytest.mark.parametrize("fault", KINDS)
def test_problems_have_the_kind_that_programs_group_them_by(fault: str) -> None:
    assert kinds(fault) == {KINDS[fault]}
