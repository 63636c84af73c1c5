"""One line for each stack: what a change does to it, in words."""

from __future__ import annotations

from collections.abc import Iterator

from review import ingress, markup, nodes
from review.cluster_change import ClusterChange
from review.markup import Html
from review.nodes import VERSION, Fate
from review.preview import Preview

_VERBS = {
    Fate.DELETED: "deletes",
    Fate.REPLACED: "replaces",
    Fate.RESTARTED: "stops and starts",
    Fate.IN_PLACE: "restarts k3s on",
    Fate.CREATED: "adds",
}

_IN_ORDER = (Fate.IN_PLACE, Fate.RESTARTED, Fate.REPLACED)


def of(preview: Preview, change: ClusterChange | None) -> Html:
    """The line without the stack's name."""
    if not preview.is_complete:
        return _failure(preview)
    if preview.deletes_all:
        number = sum(step.type == nodes.INSTANCE for step in preview.changes)
        return Html(markup.words(f"destroys the whole cluster, {markup.count(number, 'machine')}"))
    if not preview.changes:
        return Html(markup.words("changes nothing"))
    if change is None:
        return Html(markup.words(f"changes {markup.count(len(preview.changes), 'resource')}"))
    if change.before is None and not preview.outputs_before:
        return _creation(change)
    return markup.joined([*_nodes(change), *_beside(preview, change), *_openings(preview)])


def _failure(preview: Preview) -> Html:
    if preview.errors:
        # The first line of an error of the program is what kind it is.
        reason = markup.code(preview.errors[0].message.splitlines()[0])
        return Html(f"{markup.words('the preview failed, so nothing can be deployed: ')}{reason}")
    if preview.has_ended:
        return markup.words("the preview failed, so nothing can be deployed")
    return markup.words("the preview did not end, so what it would do is unknown")


def _creation(change: ClusterChange) -> Html:
    servers, *pools = change.after.pools
    parts = [markup.count(servers.count, "server")]
    if agents := sum(pool.count for pool in pools):
        parts.append(markup.count(agents, "agent"))
    version = markup.code(change.after.node_keys.get(VERSION))
    return Html(f"creates a cluster: {markup.words(' and '.join(parts))}, k3s {version}")


def _nodes(change: ClusterChange) -> Iterator[Html]:
    found = list(nodes.numbers(change.rows))
    for fate in dict.fromkeys(fate for fate, *_ in found):
        numbers = [
            _number(fate, role, number, before)
            for each, role, number, before in found
            if each == fate
        ]
        preposition = " and on " if fate == Fate.IN_PLACE else " and "
        yield Html(f"{_verb(fate, change)} {markup.words(preposition.join(numbers))}")


def _verb(fate: Fate, change: ClusterChange) -> Html:
    old = change.before.node_keys.get(VERSION) if change.before else None
    new = change.after.node_keys.get(VERSION)
    if fate == Fate.IN_PLACE and old != new:
        return Html(f"upgrades k3s {markup.code(old)} → {markup.code(new)} on")
    return markup.words(_VERBS[fate])


def _number(fate: Fate, role: str, number: int, before: int) -> str:
    """`3 servers one at a time`, `2 of 12 agents`."""
    in_order = role == "server" and number > 1 and fate in _IN_ORDER
    order = " one at a time" if in_order else ""
    if fate == Fate.CREATED or number == before:
        return f"{markup.count(number, role)}{order}"
    return f"{number} of {markup.count(before, role)}{order}"


def _beside(preview: Preview, change: ClusterChange) -> Iterator[Html]:
    if any(row.fate for row in change.rows):
        return
    number = len(preview.changes)
    yield markup.words(f"changes {markup.count(number, 'resource')} and no node")


def _openings(preview: Preview) -> Iterator[Html]:
    opened = [each for each in ingress.opened(preview) if not each.is_inside]
    if not opened:
        yield markup.words("opens nothing")
    for what, sources in ingress.by_ports(opened).items():
        yield Html(
            f"<strong>opens {markup.words(what)} to {markup.listed(map(markup.code, sources))}"
            "</strong>"
        )
