"""What the policy packs found: what fails the preview first."""

from __future__ import annotations

from typing import Final

from review import markup
from review.markup import Html
from review.preview import PolicyResult, Preview

MOST_LINES: Final = 6
_ORDER = ("mandatory", "remediate", "advisory")


def render(preview: Preview) -> Html:
    """A table of the results; a sentence where there is none, or no pack ran."""
    if not preview.policies:
        if not preview.packs:
            return markup.NOTHING
        packs = markup.listed(map(markup.code, preview.packs))
        return Html(f"<p>Policies: nothing found by {packs}.</p>")
    rows = (
        (
            markup.joined(map(markup.code, filter(None, [each.level, each.severity]))),
            Html(f"{markup.code(each.policy)} {markup.words('of')} {markup.code(each.pack)}"),
            markup.code(each.resource),
            _message(each),
        )
        for each in sorted(preview.policies, key=_key)
    )
    return markup.table(("Policy", "Rule", "Resource", "Finding"), rows)


def _message(result: PolicyResult) -> Html:
    if result.is_remediated:
        return markup.words("its inputs were corrected by the policy")
    lines = [line for line in map(str.strip, result.message.splitlines()) if line]
    return Html("<br>".join(markup.code(line) for line in lines[:MOST_LINES]))


def number(preview: Preview, level: str) -> int:
    return sum(each.level == level for each in preview.policies)


def _key(result: PolicyResult) -> tuple[int, str, str]:
    level = _ORDER.index(result.level) if result.level in _ORDER else len(_ORDER)
    return level, result.policy, result.resource
