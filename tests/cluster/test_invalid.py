"""Every wrong configuration of tests/invalid/ fails with exactly the message beside it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml

from cluster import config, node_config, user_data
from cluster.errors import ClusterError
from cluster.model import Cluster
from tests.cluster import ec2

INVALID = Path(__file__).parent.parent / "invalid"
# In place of the boot program, so that a message does not change with every line of that.
PROGRAM = {"__main__.py": random.Random(1).randbytes(6000).hex()}
FAULTS = sorted(path.stem for path in INVALID.glob("*.yaml"))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_configuration_is_refused_with_its_message(fault: str) -> None:
    raw = yaml.safe_load((INVALID / f"{fault}.yaml").read_text())
    with pytest.raises(ClusterError) as refusal:
        resolved(raw)
    assert f"{refusal.value}\n" == (INVALID / f"{fault}.txt").read_text()


def resolved(raw: object) -> Cluster:
    cluster = config.load(raw, stack="dev")
    cluster = ec2.resolve(cluster)
    user_data.require_room(node_config.longest(cluster), PROGRAM)
    return cluster


def test_every_expected_message_has_its_configuration() -> None:
    assert sorted(path.stem for path in INVALID.glob("*.txt")) == FAULTS
