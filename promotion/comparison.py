"""Where environments differ, and which of that is declared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from promotion import stack_files


@dataclass(frozen=True, kw_only=True)
class Difference:
    """
    A key with its values by environment, as messages show them, and what is wrong with that.

    `fault` is None where the difference is declared, with these values if it has some.
    """

    key: str
    values: Mapping[str, str]
    fault: str | None


def compare(
    environments: Mapping[str, Mapping[str, Any]], declared: Mapping[str, Mapping[str, Any] | None]
) -> list[Difference]:
    """Every key in which the environments differ, by their order in the files."""
    keys = dict.fromkeys(key for each in environments.values() for key in each)
    keys |= dict.fromkeys(key for key, wanted in declared.items() if wanted is not None)
    found = []
    for key in keys:
        having = {name: each for name, each in environments.items() if _has_entry(each, key)}
        values = {name: _value(each, key) for name, each in having.items()}
        if not having or (_same(values.values()) and declared.get(key) is None):
            continue
        rendered = {
            name: _show(values[name], key, each) if name in having else "-"
            for name, each in environments.items()
        }
        found.append(Difference(key=key, values=rendered, fault=_fault(key, values, declared)))
    return found


def unused(environments: Mapping[str, Mapping[str, Any]], declared: Iterable[str]) -> list[str]:
    """Declared keys that no environment has: left over, or misspelt."""
    keys = {key for each in environments.values() for key in each}
    return [each for each in declared if not any(_covers(each, key) for key in keys)]


def _value(environment: Mapping[str, Any], key: str) -> Any:
    if key in environment:
        return environment[key]
    # Where another environment has an empty object, one with keys is there as well.
    return {} if _has_below(environment, key) else stack_files.default(key)


def _has_below(environment: Mapping[str, Any], key: str) -> bool:
    return any(each.startswith(f"{key}.") for each in environment)


def _same(values: Iterable[Any]) -> bool:
    first, *others = values
    return all(each == first and type(each) is type(first) for each in others)


def _has_entry(environment: Mapping[str, Any], key: str) -> bool:
    """Whether it has the list's entry that the key is of; a missing one is a line of its own."""
    entry = key[: key.rindex("]") + 1] if "]" in key else key
    return entry in (key, "") or entry in environment


def _fault(
    key: str, values: Mapping[str, Any], declared: Mapping[str, Mapping[str, Any] | None]
) -> str | None:
    covering = [each for each in declared if _covers(each, key)]
    if not covering:
        return "not declared"
    wanted = declared.get(key)
    if wanted is None:
        return None
    wrong = [name for name, value in values.items() if name in wanted and value != wanted[name]]
    if wrong:
        return f"not as declared in {', '.join(wrong)}"
    # Any value in an environment that the declared ones leave out would pass, a misspelt one too.
    left_out = [name for name in values if name not in wanted]
    return f"not declared for {', '.join(left_out)}" if left_out else None


def _covers(declared: str, key: str) -> bool:
    return key == declared or key.startswith((f"{declared}.", f"{declared}["))


def _show(value: Any, key: str, environment: Mapping[str, Any]) -> str:
    if value is None:
        return "-"
    if value is True and key.endswith("]"):
        return "there"
    text = value if isinstance(value, str) else _text(value)
    is_given = key in environment or _has_below(environment, key)
    return text if is_given else f"{text} (default)"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_text(each)}' for key, each in value.items())}}}"
    return str(value)
