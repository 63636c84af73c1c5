"""The cluster in the configuration of a measured stack: what a measurement changes in it."""

from __future__ import annotations

from typing import Any

from bench.programs import Program
from localcloud.workbench import stack_file
from localcloud.workbench.stack_config import CLUSTER


def read(program: Program) -> dict[str, Any]:
    """The cluster as it is configured."""
    found: dict[str, Any] = stack_file.read(program.config_file)["config"][CLUSTER]
    return found


def configure(program: Program, **changes: Any) -> None:
    """Sets keys of the cluster; None removes one."""
    content = stack_file.read(program.config_file)
    kept = {**content["config"][CLUSTER], **changes}
    content["config"][CLUSTER] = {key: each for key, each in kept.items() if each is not None}
    stack_file.write(program.config_file, content)


def configure_servers(program: Program, **changes: Any) -> None:
    """Sets keys of the servers."""
    configure(program, servers={**read(program)["servers"], **changes})


def configure_agents(program: Program, **changes: Any) -> None:
    """Sets keys of the only pool."""
    (pool,) = read(program)["pools"]
    configure(program, pools=[{**pool, **changes}])
