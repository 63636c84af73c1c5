"""What a measurement changes in the configuration of its stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import stack_cluster
from bench.programs import Program
from localcloud.workbench import stack_file
from localcloud.workbench.stack_config import CLUSTER


@pytest.fixture
def program(tmp_path: Path) -> Program:
    made = Program(tmp_path, "bench", {}, tmp_path / "log")
    cluster = {
        "servers": {"count": 1, "instanceType": "t3.small"},
        "pools": [{"name": "agents", "count": 2}],
        "endpoint": {"type": "loadBalancer"},
    }
    config = {"aws:region": "us-east-1", CLUSTER: cluster}
    stack_file.write(made.config_file, {"encryptionsalt": "v1:salt", "config": config})
    return made


def test_keys_are_set_and_removed_and_all_others_stay(program: Program) -> None:
    stack_cluster.configure_servers(program, count=3)
    stack_cluster.configure_agents(program, image={"generation": 2})
    stack_cluster.configure(program, endpoint=None)
    assert stack_file.read(program.config_file) == {
        "encryptionsalt": "v1:salt",
        "config": {
            "aws:region": "us-east-1",
            CLUSTER: {
                "servers": {"count": "3", "instanceType": "t3.small"},
                "pools": [{"name": "agents", "count": "2", "image": {"generation": "2"}}],
            },
        },
    }
