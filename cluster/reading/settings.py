"""k3s's own keys as they reach the machines of each pool, and where the configuration has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cluster.errors import Kind
from cluster.reading import component_arguments
from cluster.reading.component_arguments import Argument
from cluster.reading.declarations import Path
from cluster.reading.faults import Fault
from cluster.reading.section import Section
from cluster.spec import ClusterSpec, PoolSpec, Role


@dataclass(frozen=True)
class Setting:
    """A key of k3s below the key `below` of a section; `pools` are those whose machines get it."""

    section: Section
    below: str
    role: Role
    name: str
    value: Any
    pools: tuple[PoolSpec, ...]

    @property
    def path(self) -> Path:
        return (*self.section.path, self.below, self.name)

    @property
    def strings(self) -> list[str]:
        """The value as k3s takes it: a list, whether one or several are written."""
        values = self.value if isinstance(self.value, list) else [self.value]
        return [str(each) for each in values if isinstance(each, str | int | float)]

    @property
    def arguments(self) -> list[Argument]:
        """The arguments of a component; none where the key has no arguments."""
        if not self.name.endswith(component_arguments.SUFFIX):
            return []
        return [component_arguments.parse(self.name, each) for each in self.strings]

    def argument(self, name: str) -> str | None:
        """The value of an argument; the last one counts."""
        found = [each.value for each in self.arguments if each.name == name]
        return found[-1] if found else None

    def report(self, fault: Fault) -> None:
        """Reports what is wrong with the key, or warns."""
        if fault.kind is Kind.WARNING:
            self.section.warn(self.below, fault.what, fault.fix, below=(self.name,))
        else:
            self.section.report(self.below, *fault, below=(self.name,))


def read(top: Section, spec: ClusterSpec) -> tuple[Setting, ...]:
    """
    Every key of k3s that the configuration has and no problem was found with.

    One that no pool gets is there too.
    """
    found = (*_of_roles(top["k3s"], spec), *_of_pools(top, spec))
    return tuple(each for each in found if not each.section.problems.has(each.path))


def _of_roles(section: Section, spec: ClusterSpec) -> Iterator[Setting]:
    roles: tuple[Role, ...] = ("server", "agent")
    for role in roles:
        for name, value in section[role].items():
            pools = tuple(
                each for each in spec.all_pools if each.role == role and name not in each.k3s
            )
            yield Setting(section, role, role, name, value, pools)


def _of_pools(top: Section, spec: ClusterSpec) -> Iterator[Setting]:
    for section, pool in zip((top["servers"], *top["pools"]), spec.all_pools, strict=True):
        for name, value in section["k3s"].items():
            yield Setting(section, "k3s", pool.role, name, value, (pool,))


def of_pool(settings: Sequence[Setting], pool: PoolSpec, name: str) -> Setting | None:
    """The setting of a key that the machines of a pool get."""
    return next((each for each in settings if each.name == name and pool in each.pools), None)
