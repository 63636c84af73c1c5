"""The parts of a comment that are about one stack."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from cluster.record_json import UnreadableRecord
from review import (
    cluster_change,
    cost,
    dangers,
    headline,
    ingress,
    markup,
    nodes,
    policies,
    property_diff,
)
from review import part as parts_of
from review.cluster_change import ClusterChange
from review.markup import Html
from review.part import Part, Rank
from review.preview import Preview


def parts(preview: Preview, now: datetime, name: str | None = None) -> Iterator[Part]:
    """Every part, in the order of the comment. `name` stands in the place of the stack's."""
    try:
        change, unreadable = cluster_change.of(preview), None
    except UnreadableRecord as error:
        change, unreadable = None, str(error)
    yield _headline(preview, change, name or preview.stack)
    found = dangers.of(preview, change, now) if preview.is_complete else ()
    if found:
        lines = tuple(Html(f"<li>{each.text}</li>") for each in found)
        title = Html(f"<p><strong>{markup.words('Look at this first')}</strong></p>\n<ul>")
        yield Part(
            rank=Rank.ESSENTIAL, opening=title, lines=lines, closing=Html("</ul>"), noun="point"
        )
    if unreadable is not None:
        text = "What happens to each node is unknown, since the record cannot be read: "
        yield parts_of.of(
            Html(f"<p>{markup.words(text)}{markup.code(unreadable)}</p>"), Rank.ESSENTIAL
        )
    yield from _failure(preview)
    if content := policies.render(preview):
        yield _cut(content, Rank.IMPORTANT, "finding")
    yield from _plan(preview, change)
    yield from _beside(preview, change)


def _headline(preview: Preview, change: ClusterChange | None, name: str) -> Part:
    line = Html(f"{markup.code(name)}: {headline.of(preview, change)}")
    if preview.is_complete and (difference := cost.headline(preview)):
        line = Html(f"{line}, {difference}")
    failed = policies.number(preview, "mandatory")
    if failed:
        noun = markup.count(failed, "mandatory policy", "mandatory policies")
        text = markup.words(f"{noun} {'fails' if failed == 1 else 'fail'}")
        line = Html(f"{line}; <strong>{text}</strong>")
    return parts_of.of(Html(f"<h3>{line}</h3>"), Rank.ESSENTIAL)


def _failure(preview: Preview) -> Iterator[Part]:
    if preview.is_complete:
        return
    for error in preview.errors[:5]:
        yield parts_of.of(markup.message(error.message), Rank.ESSENTIAL)
    if (more := len(preview.errors) - 5) > 0:
        yield parts_of.of(
            Html(f"<p>{markup.words(markup.count(more, 'more error'))}</p>"), Rank.ESSENTIAL
        )
    if not preview.errors:
        what = (
            "The engine names no error"
            if preview.has_ended
            else "Its log ends before the end of the preview"
        )
        text = f"{what}: look at the job's log."
        yield parts_of.of(Html(f"<p>{markup.words(text)}</p>"), Rank.ESSENTIAL)


def _cut(content: Html, rank: Rank, noun: str) -> Part:
    if content.startswith("<table>"):
        return parts_of.of_table(content, rank, noun)
    return parts_of.of(content, rank)


def _plan(preview: Preview, change: ClusterChange | None) -> Iterator[Part]:
    if change is not None and (content := nodes.render(change.rows)):
        yield parts_of.of_table(content, Rank.USEFUL, "node")
    if change is not None and change.before is None:
        yield parts_of.of(_reachable(preview), Rank.IMPORTANT)
    if preview.is_complete and preview.changes:
        yield parts_of.of(cost.render(preview), Rank.IMPORTANT)


def _reachable(preview: Preview) -> Html:
    """Who reaches a new cluster from outside."""
    opened = [each for each in ingress.opened(preview) if not each.is_inside]
    lines = [
        f"<li>{markup.words(what)}: {markup.listed(map(markup.code, sources))}</li>"
        for what, sources in ingress.by_ports(opened).items()
    ]
    if not lines:
        return Html(f"<p>{markup.words('Nobody reaches it from outside of its network.')}</p>")
    title = markup.words("Who reaches it")
    return Html("\n".join([f"<p>{title}</p>", "<ul>", *lines, "</ul>"]))


def _beside(preview: Preview, change: ClusterChange | None) -> Iterator[Part]:
    """What the engine shows besides the nodes, the warnings, and the whole diff."""
    if preview.warnings:
        items = tuple(markup.message(each.message) for each in preview.warnings)
        title = markup.words(markup.count(len(items), "warning"))
        yield Part(
            rank=Rank.USEFUL,
            opening=Html(f"<details><summary>{title}</summary>"),
            lines=items,
            closing=Html("</details>"),
            noun="warning",
        )
    if preview.changes:
        title = Html(f"{markup.words('The whole diff: ')}{_operations(preview)}")
        yield Part(
            rank=Rank.FOLDED,
            opening=Html(f'<details><summary>{title}</summary>\n<pre lang="diff">'),
            lines=tuple(property_diff.render(preview)),
            closing=Html("</pre>\n</details>"),
            noun="resource",
        )


def _operations(preview: Preview) -> Html:
    counts = Counter(step.op for step in preview.changes)
    return markup.listed(Html(f"{markup.code(op)} {number}") for op, number in counts.items())
