"""What differs in one resource, line by line, as `diff` colors it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from review import markup
from review.markup import Html
from review.preview import REPLACE, Preview, Step
from review.property_values import SECRET, differences, flat

LONGEST_VALUE: Final = 160
OPAQUE: Final = 24
"""How much is kept of a longer one without a blank."""
BEFORE: Final = 20
"""How many of the characters that two long strings have in common are kept."""
_ORDER: Final = {REPLACE: 1, "delete": 2, "update": 3, "create": 4}
_SIGNS: Final = {"create": "+", "delete": "-", REPLACE: "!", "update": "!"}


def render(preview: Preview) -> list[Html]:
    """A block of lines for each resource that changes, the hardest operations first."""
    order = sorted(preview.changes, key=lambda step: (_ORDER.get(step.op, 0), step.type, step.name))
    copies = set(map(id, preview.old_copies))
    return [
        Html("\n".join(_lines(step, " (the old copy)" if id(step) in copies else "")))
        for step in order
    ]


def _lines(step: Step, note: str) -> Iterator[Html]:
    sign = _SIGNS.get(step.op, "!")
    yield Html(f"{sign} {markup.escaped(step.op)} {markup.escaped(step.short_type)} "
               f"{markup.escaped(step.name)}{note}")  # fmt: skip
    if step.op == "delete":
        return
    for path, pair in changed(step).items():
        old, new = parts_that_differ(*pair)
        if old is not None:
            yield _line("-", path, old)
        if new is not None:
            yield _line("+", path, new)
    for path in step.replaced_by:
        yield Html(f"!   {markup.words('replaced by a change of')} {markup.escaped(path)}")


def changed(step: Step) -> Mapping[str, tuple[Any, Any]]:
    """
    The properties that differ, old and new.

    The engine's own paths are the ones that count: they have what a provider ignores left out, and
    a secret that differs, which is SECRET on both sides.
    """
    found = differences(step.old, step.new)
    if not step.detailed:
        return found
    before, after = dict(flat(step.old or {})), dict(flat(step.new or {}))
    kept = {path: pair for path, pair in found.items() if _is_below(path, step.detailed)}
    for path in step.detailed:
        if not any(_is_below(each, [path]) for each in kept):
            kept[path] = _side(before, path), _side(after, path)
    return kept


def parts_that_differ(old: Any, new: Any) -> tuple[Any, Any]:
    """Two long strings from a little before where they differ; else the values as they are."""
    if not isinstance(old, str) or not isinstance(new, str):
        return old, new
    pairs = enumerate(zip(old, new, strict=False))
    first = next((index for index, (one, other) in pairs if one != other), 0)
    start = first - BEFORE
    if start <= 0 or max(len(old), len(new)) <= LONGEST_VALUE or " " not in old:
        return old, new
    return f"… {old[start:]}", f"… {new[start:]}"


def _is_below(path: str, paths: Any) -> bool:
    return any(path == each or path.startswith((f"{each}.", f"{each}[")) for each in paths)


def _side(values: Mapping[str, Any], path: str) -> Any:
    # What is inside a secret has no path of its own.
    return values.get(path, SECRET if any(_is_below(path, [each]) for each in values) else None)


def _line(sign: str, path: str, value: Any) -> Html:
    text = formatted(value)
    # Nobody reads user data that is compressed, or a certificate.
    longest = OPAQUE if len(text) > LONGEST_VALUE and not text.count(" ") else LONGEST_VALUE
    return Html(f"{sign}   {markup.escaped(path)}: {markup.escaped(text, longest)}")


def formatted(value: Any) -> str:
    """A scalar as a reader of YAML takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
