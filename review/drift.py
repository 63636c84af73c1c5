"""
Drift: what a refresh has found to be otherwise than in the state, resource by resource.

A refresh reads the resources of the state, so what somebody created beside them is not seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cluster.untrusted_text import one_line
from review import comment, markup, property_diff
from review.markup import Html
from review.part import Part, Rank
from review.preview import Preview, Step
from review.property_values import differences

GONE: Final = "gone"
CHANGED: Final = "changed"
# Of the types whose loss or change stops something, what `pulumi up` does about it.
_RECONCILED: Final = {
    "aws:ec2/instance:Instance": "creates another machine, and its node again",
    "aws:ebs/volume:Volume": "creates an empty volume: what was on it is lost",
    "aws:ssm/parameter:Parameter": "writes the value of the state again; machines have read theirs",
}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One resource that differs. `properties` are old and new values by path."""

    kind: str
    type: str
    name: str
    properties: Mapping[str, tuple[Any, Any]]
    reconciled: str
    """What `pulumi up --refresh` does about it, in words of this program."""


def of(preview: Preview) -> tuple[Difference, ...]:
    """Every resource that a refresh has found to differ, what is gone first."""
    found = [each for step in preview.refreshed if (each := _difference(step))]
    return tuple(sorted(found, key=lambda each: (each.kind != GONE, each.type, each.name)))


def _difference(step: Step) -> Difference | None:
    if step.op == "delete" or (step.old is not None and step.new is None):
        default = "creates it again"
        return Difference(
            kind=GONE,
            type=step.short_type,
            name=step.name,
            properties={},
            reconciled=_RECONCILED.get(step.type, default),
        )
    # `same` has no difference that the provider counts; of a plain refresh it is not known.
    properties = property_diff.changed(step) if step.op == "update" else {}
    if step.op == "refresh":
        properties = differences(step.old, step.new)
    if not properties:
        return None
    default = "changes it back in place"
    return Difference(
        kind=CHANGED,
        type=step.short_type,
        name=step.name,
        properties=properties,
        reconciled=default
        if "Instance" in step.short_type
        else _RECONCILED.get(step.type, default),
    )


def parts(preview: Preview, name: str | None) -> Iterator[Part]:
    """The parts of a comment about the drift of one stack."""
    title = markup.code(name or preview.stack)
    found = of(preview)
    text = Html(f"{title}: {_headline(preview, found)}")
    yield Part(rank=Rank.ESSENTIAL, opening=Html(f"<h3>{text}</h3>"))
    for error in preview.errors[:5]:
        yield Part(rank=Rank.ESSENTIAL, opening=markup.message(error.message))
    if found:
        rows = (_cells(each) for each in found)
        table = markup.table(("Resource", "What", "State → found", "pulumi up --refresh"), rows)
        head, titles, *lines, end = map(Html, table.split("\n"))
        yield Part(
            rank=Rank.IMPORTANT,
            opening=Html(f"{head}\n{titles}"),
            lines=tuple(lines),
            closing=end,
            noun="resource",
        )


def _headline(preview: Preview, found: Sequence[Difference]) -> Html:
    if not preview.is_complete:
        return markup.words("the refresh failed, so drift is unknown")
    if not preview.refreshed:
        return markup.words("nothing was refreshed, so drift is unknown")
    if not found:
        return markup.words("no drift")
    gone = sum(each.kind == GONE for each in found)
    numbers = ((gone, GONE), (len(found) - gone, CHANGED))
    parts = [markup.words(f"{number} {kind}") for number, kind in numbers if number]
    return Html(f"{markup.words('drift: ')}{markup.joined(parts)}")


def _cells(difference: Difference) -> Iterator[Html]:
    yield Html(f"{markup.code(difference.type)}<br>{markup.code(difference.name)}")
    yield markup.words(difference.kind)
    lines = [
        Html(f"{markup.code(path)}: {_value(old)} → {_value(new)}")
        for path, (old, new) in difference.properties.items()
    ]
    yield Html("<br>".join([*lines[:_MOST], *_rest(len(lines))]))
    yield markup.words(difference.reconciled)


_MOST: Final = 8


def _rest(number: int) -> list[str]:
    return [markup.words(f"and {number - _MOST} more")] if number > _MOST else []


def _value(value: Any) -> Html:
    return (
        markup.words("nothing")
        if value is None
        else markup.code(property_diff.formatted(value), 120)
    )


def exists(previews: Sequence[Preview]) -> bool:
    """Whether there is drift, or whether it is unknown."""
    return any(of(each) or not each.is_complete or not each.refreshed for each in previews)


def render(
    previews: Sequence[tuple[str | None, Preview]], where: str | None, limit: int = comment.LIMIT
) -> str:
    """The comment about all stacks. Raises ReviewError."""
    found = [part for name, preview in previews for part in parts(preview, name)]
    return comment.assemble(found, where, limit)


def text(previews: Sequence[tuple[str | None, Preview]]) -> str:
    """The same for a terminal and a log, without markup."""
    return "\n".join(line for name, preview in previews for line in _lines(preview, name)) + "\n"


def _lines(preview: Preview, name: str | None) -> Iterator[str]:
    found = of(preview)
    yield f"{one_line(name or preview.stack)}: {_headline(preview, found)}"
    yield from (f"  {one_line(error.message)}" for error in preview.errors)
    for each in found:
        yield f"  {each.kind}: {one_line(each.type)} {one_line(each.name)}"
        for path, (old, new) in each.properties.items():
            values = [one_line(property_diff.formatted(value), 120) for value in (old, new)]
            yield f"    {one_line(path)}: {' -> '.join(values)}"
        yield f"    pulumi up --refresh {each.reconciled}"
