"""Which inputs of a resource changed, down to the element of a list inside an object."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Path = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One changed input: its path and what happened to it."""

    path: Path
    kind: Literal["ADD", "DELETE", "UPDATE"]
    # Not in its representation: a value may be secret.
    old: Any = field(default=None, compare=False, repr=False)
    new: Any = field(default=None, compare=False, repr=False)

    @property
    def top(self) -> str:
        """The input that the property is a part of."""
        return str(self.path[0])

    @property
    def name(self) -> str:
        """The path without the indexes of lists: `tags.team`, `ingress.port`."""
        return ".".join(each for each in self.path if isinstance(each, str))

    @property
    def text(self) -> str:
        """The path as Pulumi writes it: `tags["a.b/c"]`, `ingress[0].port`."""
        return "".join(map(_step, self.path)).removeprefix(".")


def between(old: Any, new: Any, path: Path = ()) -> Iterator[Difference]:
    """
    The differences of two values without secret marks. An unknown one counts as changed.

    None, an empty list and an empty object count as absent; lists of the same length are compared
    element by element.
    """
    if old == new or (_is_absent(old) and _is_absent(new)):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from between(old.get(key), new.get(key), (*path, key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, pair in enumerate(zip(old, new, strict=True)):
            yield from between(*pair, (*path, index))
    elif _is_absent(old):
        yield Difference(path=path, kind="ADD", old=old, new=new)
    else:
        kind: Literal["DELETE", "UPDATE"] = "DELETE" if _is_absent(new) else "UPDATE"
        yield Difference(path=path, kind=kind, old=old, new=new)


def _is_absent(value: Any) -> bool:
    return value is None or value in ([], {})


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    # https://www.pulumi.com/docs/iac/concepts/resources/options/ignorechanges/
    return f"[{json.dumps(step)}]" if not step or re.search(r'[.\["\]]', step) else f".{step}"
