"""Functions of moto replaced by ours that call them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

Original = Callable[..., Any]
Given = dict[str, Any]
Around = Callable[[Original, Any, Given], Any]


def wrap(owner: Any, name: str, around: Around) -> None:
    """
    Makes a method of a class go through `around(original, self, arguments by name)`.

    May be repeated: a method is wrapped once.
    """
    original = getattr(owner, name)
    if hasattr(original, "__wrapped__"):
        return
    signature = inspect.signature(original)
    extra = [
        each.name
        for each in signature.parameters.values()
        if each.kind is inspect.Parameter.VAR_KEYWORD
    ]

    @functools.wraps(original)
    def replaced(*args: Any, **kwargs: Any) -> Any:
        call = signature.bind(*args, **kwargs)
        call.apply_defaults()
        given = dict(call.arguments)
        for each in extra:
            given |= given.pop(each)
        return around(original, given.pop("self"), given)

    setattr(owner, name, replaced)
