"""An estimate for people, in one line, and for programs, as the stack output `cost`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from cost.estimate import Estimate, Item


def line(estimate: Estimate) -> str:
    """`about 61 USD a month (eu-central-1, prices of 2026-11-20; traffic not included)`."""
    if estimate.monthly is None:
        return (
            f"cost unknown: there are no prices of {estimate.region}; "
            f".local/venv/bin/python -m cost refresh {estimate.region} gets them"
        )
    unknown = estimate.unknown
    amount = f"{_amount(estimate.monthly)} {estimate.currency} a month"
    if estimate.until_expiry is not None:
        amount += f", {_amount(estimate.until_expiry)} {estimate.currency} until it expires"
    about = "at least" if unknown else "about"
    details = f"{estimate.region}, prices of {estimate.prices_of}; traffic not included"
    if unknown:
        details += f"; price unknown: {', '.join(unknown)}"
    return f"{about} {amount} ({details})"


def output(estimate: Estimate) -> dict[str, Any]:
    """The content of the output: numbers rounded to cents, hourly ones to a hundredth of that."""
    content: dict[str, Any] = {
        "currency": estimate.currency,
        "monthly": _rounded(estimate.monthly, 2),
        "hourly": _rounded(estimate.hourly, 4),
    }
    if estimate.until_expiry is not None:
        content["untilExpiry"] = _rounded(estimate.until_expiry, 2)
    return {
        **content,
        "unknown": list(estimate.unknown),
        "items": [_item(each) for each in estimate.items],
        "pricesOf": estimate.prices_of,
    }


def _item(item: Item) -> dict[str, Any]:
    return {
        "name": item.name,
        "count": item.count,
        "unit": item.unit,
        "unitPrice": _rounded(item.unit_price, 6),
        "monthly": _rounded(item.monthly, 2),
        "hourly": _rounded(item.hourly, 4),
        **({"estimated": True} if item.estimated else {}),
    }


def _rounded(value: Decimal | None, digits: int) -> float | None:
    return None if value is None else round(float(value), digits)


def _amount(value: Decimal) -> str:
    """Whole units from 10 on, else cents; a small amount is not 0."""
    return f"{value:.0f}" if value >= 10 else f"{max(value, Decimal('0.01')):.2f}"
