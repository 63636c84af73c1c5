"""The make targets that work on the local cloud, and what each of them needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

VENV, PACKAGES, DOCKER = "virtual environment", "system packages", "Docker"
PULUMI, K3S, EMULATED, IMAGE = "Pulumi CLI", "k3s", "emulated k3s", "machine image"
ENGINES = "pipeline engines"
POLICY = "policy pack"
CLUSTER = (VENV, PACKAGES, DOCKER, PULUMI, K3S, IMAGE)


@dataclass(frozen=True)
class Task:
    """
    One target: what it needs, by the names above.

    `root` says why it needs root even where Docker can be used.
    """

    target: str
    needs: Sequence[str] = CLUSTER
    root: str = ""


TASKS: Mapping[str, Task] = {
    task.target: task
    for task in (
        Task("demo"),
        Task("bench"),
        Task(
            "test",
            (*CLUSTER, EMULATED, POLICY, ENGINES),
            root="its tests open raw sockets on this machine",
        ),
        Task(
            "emulation",
            (VENV, PACKAGES, K3S, EMULATED),
            root="it registers qemu-user with the kernel",
        ),
    )
}
