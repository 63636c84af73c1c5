"""
What happens to each node: by the configuration, as plan_changes has it, and by the engine.

Both have to say the same. Where the engine does more, as after drift or with another release of
the program, its part counts, and the reason says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from cluster.changes import Plan
from cluster.effect import Effect
from cluster.node_changes import Machine, machines
from cluster.record import Record
from review import markup
from review.markup import Html
from review.preview import REPLACE, SAME, Preview, Step

INSTANCE: Final = "aws:ec2/instance:Instance"
NODE: Final = "k3s:index:Node"
MOST_KEYS: Final = 4
VERSION: Final = "cluster.k3s.version"


_BESIDE: Final = (
    "no key below cluster: a secret beside it, drift, or another release of the program"
)


class Fate(IntEnum):
    """What becomes of a node; the gentlest first."""

    UNCHANGED = 0
    CREATED = 1
    IN_PLACE = 2
    RESTARTED = 3
    REPLACED = 4
    DELETED = 5


_FATES: Final = {
    Effect.NONE: Fate.UNCHANGED,
    Effect.IN_PLACE: Fate.IN_PLACE,
    Effect.RESTART: Fate.RESTARTED,
    Effect.REPLACE: Fate.REPLACED,
}
_CONSEQUENCES: Final = {
    Fate.UNCHANGED: "nothing",
    Fate.CREATED: "is created",
    Fate.IN_PLACE: "changed in place; k3s may restart",
    Fate.RESTARTED: "the machine stops and starts",
    Fate.REPLACED: "replaced: another machine, another node",
    Fate.DELETED: "deleted",
}


@dataclass(frozen=True, kw_only=True)
class NodeRow:
    """One node, what happens to it, and why."""

    name: str
    role: str
    fate: Fate
    keys: tuple[str, ...] = ()
    """The changed keys of the configuration that are the reason."""
    by_engine: str = ""
    """The reason where the configuration is not, in words of this program."""


def rows(preview: Preview, plan: Plan, before: Record | None, after: Record) -> tuple[NodeRow, ...]:
    """Every node of the cluster before and after, the servers first."""
    old = {each.name: each for each in (machines(before) if before else {}).values()}
    new = {each.name: each for each in machines(after).values()}
    known = {each.name: each for each in plan.nodes}
    steps = _steps_of_nodes(preview.steps)
    found = []
    for name, machine in {**new, **old}.items():
        change = known.get(name)
        if name in plan.created or name in plan.deleted:
            fate = Fate.CREATED if name in plan.created else Fate.DELETED
            found.append(_row(machine, fate, (_count_of(machine),)))
            continue
        if change is None:
            # Another name of the cluster: the node before it has the same place as one after it.
            continue
        fate, seen = _FATES[change.effect], fate_by_engine(steps.get(name, ()))
        if seen[0] > fate:
            found.append(_row(machine, seen[0], change.keys if fate else (), seen[1]))
        else:
            found.append(_row(machine, fate, change.keys))
    return tuple(sorted(found, key=lambda row: row.role != "server"))


def _row(machine: Machine, fate: Fate, keys: Sequence[str], by_engine: str = "") -> NodeRow:
    return NodeRow(
        name=machine.name,
        role=machine.pool.role,
        fate=fate,
        keys=tuple(keys),
        by_engine=by_engine,
    )


def _count_of(machine: Machine) -> str:
    return f"{machine.path}.count"


def _steps_of_nodes(steps: Sequence[Step]) -> Mapping[str, list[Step]]:
    found: dict[str, list[Step]] = {}
    for step in steps:
        if step.type in (INSTANCE, NODE) and step.op != SAME:
            found.setdefault(step.name, []).append(step)
    return found


def fate_by_engine(steps: Sequence[Step]) -> tuple[Fate, str]:
    """What the engine does to a node by its two resources, and the reason where it does."""
    # Of two resources with the same fate the instance has the reason.
    order = sorted(steps, key=lambda step: step.type != INSTANCE)
    found = [_fate_of_step(step) for step in order]
    return max(found, key=lambda each: each[0], default=(Fate.UNCHANGED, ""))


def _fate_of_step(step: Step) -> tuple[Fate, str]:
    if step.op == REPLACE:
        return Fate.REPLACED, _BESIDE
    if step.type == INSTANCE and step.op == "create":
        return Fate.REPLACED, "its instance is gone, and is created again"
    if step.op == "delete":
        return Fate.DELETED, "the engine deletes it"
    if step.op == "update" and step.type == NODE:
        return Fate.IN_PLACE, _BESIDE
    return Fate.UNCHANGED, ""


def render(found: Sequence[NodeRow]) -> Html:
    """The table of the nodes to which something happens, the hardest first."""
    changed = [row for row in found if row.fate]
    if not changed:
        return markup.NOTHING
    order = sorted(changed, key=lambda row: (-row.fate, row.role != "server", row.name))
    cells = (
        (
            markup.code(row.name),
            markup.words(row.role),
            markup.words(_consequence(row)),
            _reason(row),
        )
        for row in order
    )
    rest = len(found) - len(changed)
    note = f"\n<p>{markup.words(_unchanged(rest))}</p>" if rest else ""
    return Html(markup.table(("Node", "Role", "What happens", "Why"), cells) + note)


def _consequence(row: NodeRow) -> str:
    if row.fate == Fate.IN_PLACE and VERSION in row.keys:
        return "k3s is upgraded and restarts"
    return _CONSEQUENCES[row.fate]


def _unchanged(number: int) -> str:
    return f"Nothing happens to {markup.count(number, 'other node')}."


def _reason(row: NodeRow) -> Html:
    keys = [markup.code(key) for key in row.keys]
    parts = [markup.listed(keys, MOST_KEYS)] if keys else []
    return Html("; ".join([*parts, *([markup.words(row.by_engine)] if row.by_engine else [])]))


def numbers(found: Sequence[NodeRow]) -> Iterator[tuple[Fate, str, int, int]]:
    """For each fate and role, the hardest first: how many nodes, of how many before."""
    for fate in sorted(set(Fate) - {Fate.UNCHANGED}, reverse=True):
        for role in ("server", "agent"):
            of_role = [row for row in found if row.role == role]
            number = sum(row.fate == fate for row in of_role)
            if number:
                before = sum(row.fate != Fate.CREATED for row in of_role)
                yield fate, role, number, before
