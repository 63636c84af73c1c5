"""What the cluster costs before and after: the stack output `cost`, by whatever wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from review import markup
from review.markup import Html
from review.preview import Preview

OUTPUT: Final = "cost"
_ROWS: Final = (
    ("Per month", "monthly"),
    ("Per hour", "hourly"),
    ("Until it expires", "untilExpiry"),
)
UNKNOWN: Final = "unknown"


def render(preview: Preview) -> Html:
    """A table before, after and difference; each figure that is missing is "unknown"."""
    before, after = _before_and_after(preview)
    if not before and not after:
        return Html(f"<p>{markup.words('Cost before and after: unknown.')}</p>")
    rows = [
        (markup.words(title), *_cells(before, after, key))
        for title, key in _ROWS
        if key != "untilExpiry" or key in before or key in after
    ]
    table = markup.table(("Cost", "Before", "After", "Difference"), rows)
    return Html("\n".join([table, *_notes(after)]))


def headline(preview: Preview) -> Html | None:
    """The difference per month; None where it is unknown, in a part too, or nothing."""
    before, after = _before_and_after(preview)
    if before.get("unknown") or after.get("unknown"):
        return None
    old, new = _number(before.get("monthly")), _number(after.get("monthly"))
    # Of a stack that exists, and of no other, what it costs now has to be known.
    if new is None or (old is None and preview.outputs_before):
        return None
    difference = new - (old or Decimal(0))
    if not difference:
        return None
    return Html(f"{_money(difference, after, sign=True)} per month")


def _before_and_after(preview: Preview) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    before, after = _cost(preview.outputs_before), _cost(preview.outputs_after)
    if preview.deletes_all and before:
        after = {"currency": before.get("currency"), "monthly": 0, "hourly": 0}
    return before, after


def _cost(outputs: Mapping[str, Any]) -> Mapping[str, Any]:
    found = outputs.get(OUTPUT)
    return found if isinstance(found, Mapping) else {}


def _cells(
    before: Mapping[str, Any], after: Mapping[str, Any], key: str
) -> tuple[Html, Html, Html]:
    old, new = _number(before.get(key)), _number(after.get(key))
    same_currency = not before or before.get("currency") == after.get("currency")
    difference = new - old if old is not None and new is not None and same_currency else None
    return (
        _money(old, before),
        _money(new, after),
        _money(difference, after, sign=True),
    )


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _money(amount: Decimal | None, cost: Mapping[str, Any], *, sign: bool = False) -> Html:
    if amount is None:
        return markup.words(UNKNOWN)
    # Of what costs less than a hundredth, as an hour does, the digits that are there.
    digits = 2 if abs(amount) >= 1 or not amount else 4
    return markup.code(
        f"{amount:{'+' if sign else ''},.{digits}f} {cost.get('currency') or ''}".strip()
    )


def _notes(after: Mapping[str, Any]) -> list[Html]:
    notes = []
    unknown = after.get("unknown")
    if isinstance(unknown, list) and unknown:
        parts = markup.listed(map(markup.code, unknown))
        notes.append(
            Html(f"<p>{markup.words('Not in it, since the price is unknown: ')}{parts}</p>")
        )
    if after.get("pricesOf") is not None:
        date = markup.code(after["pricesOf"])
        notes.append(Html(f"<p>{markup.words('An estimate by the prices of ')}{date}.</p>"))
    return notes
