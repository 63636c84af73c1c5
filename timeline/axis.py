"""Where the ticks of a time axis are."""

from __future__ import annotations

from typing import Final

_MOST_TICKS: Final = 10
# What people read as round: parts of ten seconds, then of a minute, an hour, a day.
_STEPS: Final = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 21600, 86400)


def ticks(seconds: float, longest: float) -> list[float]:
    """Round numbers from 0 to `seconds`, in steps that make at most eleven of `longest`."""
    step = next((each for each in _STEPS if longest / each <= _MOST_TICKS), None)
    if step is None:
        step = float(_STEPS[-1])
        while longest / step > _MOST_TICKS:
            step *= 10
    return [number * step for number in range(int(seconds / step) + 1)]


def label(seconds: float) -> str:
    """A tick's text."""
    return f"{seconds:g} s"
