"""
The rules as tables for people.

`make golden` writes them into docs/policy.md; a test compares them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from k3s_policy.rule import ResourceRule, Rule
from k3s_policy.secret_patterns import KINDS

_RULES = re.compile(r"(<!-- rules -->\n)(?:\|[^\n]*\n)*")
_REASONS = re.compile(r"(<!-- reasons -->\n)(?:- [^\n]*\n)*")
_KINDS = re.compile(r"(<!-- kinds of secrets -->\n)(?:- [^\n]*\n)*")
_SETTINGS = re.compile(r"(<!-- settings -->\n)(?:\|[^\n]*\n)*")


def with_tables(page: str, rules: Sequence[Rule]) -> str:
    """The page, with what follows each mark, such as `<!-- rules -->`, as the rules are now."""
    page = _RULES.sub(lambda mark: mark[1] + "".join(_rules(rules)), page)
    page = _REASONS.sub(lambda mark: mark[1] + "".join(_reasons(rules)), page)
    page = _KINDS.sub(lambda mark: mark[1] + "".join(f"- {kind}\n" for kind in KINDS), page)
    return _SETTINGS.sub(lambda mark: mark[1] + "".join(_settings(rules)), page)


def _rules(rules: Sequence[Rule]) -> Iterator[str]:
    yield "| Rule | Level | Of | What it asks |\n|---|---|---|---|\n"
    for rule in rules:
        of = "each resource" if isinstance(rule, ResourceRule) else "the stack"
        yield _row(f"`{rule.name}`", rule.level, of, rule.description)


def _reasons(rules: Sequence[Rule]) -> Iterator[str]:
    for rule in rules:
        # Pages of docs/ lie beside this one.
        source = rule.source.removeprefix("docs/")
        yield f"- `{rule.name}`: {rule.why} ([source]({source})).\n"


def _settings(rules: Sequence[Rule]) -> Iterator[str]:
    """Each rule once, before its settings: lines of a table are short."""
    yield "| Setting | Default | Meaning |\n|---|---|---|\n"
    for rule in rules:
        if rule.settings:
            yield _row(f"**`{rule.name}`**", "", "")
        for name, each in rule.settings.items():
            default = each.schema["default"]
            # Types of resources are long, and the meaning has them in words.
            many = f"{len(default)} types" if name == "types" else f"`{json.dumps(default)}`"
            yield _row(f"`{name}`", many, each.meaning)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
