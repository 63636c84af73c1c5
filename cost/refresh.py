"""Writes the prices of a region anew, from AWS's price list and the Spot Instance Advisor."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from cost import price_list, prices
from cost.download import RefreshError, read_json
from cost.price_list import ADDRESS, GP3, LOAD_BALANCER, Offers
from cost.prices import Prices

SPOT_ADVISOR = "https://spot-bid-advisor.s3.amazonaws.com/spot-advisor-data.json"
"""What https://aws.amazon.com/ec2/spot/instance-advisor/ shows; it needs no credentials."""


def refresh(
    region: str, index: str | None, advisor: str, folder: Path, report: Callable[[str], None]
) -> Prices:
    """Writes the file of a region below `folder`. Raises RefreshError, and then writes nothing."""
    partition = "cn" if region.startswith("cn-") else "aws"
    index = index or price_list.INDEXES[partition]
    offers = price_list.read(region, index, report)
    spot_date, savings = _savings(advisor, region)
    found = Prices(
        region=region,
        currency=offers.currency or prices.currency_of(region),
        date=offers.date,
        instances={
            name: price
            for name, each in offers.instances.items()
            if (price := _only(name, each, report)) is not None
        },
        spot_date=spot_date,
        spot_savings={
            name: percent for name, percent in savings.items() if name in offers.instances
        },
        gp3_gib_month=_other(offers, GP3, report),
        public_address_hour=_other(offers, ADDRESS, report),
        load_balancer_hour=_other(offers, LOAD_BALANCER, report),
    )
    _write(folder / f"{region}.json", prices.render(found, {"prices": index, "spot": advisor}))
    return found


def _write(file: Path, text: str) -> None:
    # A preview may read it meanwhile.
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


def _other(offers: Offers, name: str, report: Callable[[str], None]) -> Decimal | None:
    return _only(name, offers.others.get(name, set()), report)


def _only(name: str, found: set[Decimal], report: Callable[[str], None]) -> Decimal | None:
    """The price, where there is exactly one: a wrong one is worse than none."""
    if len(found) == 1:
        return next(iter(found))
    listed = ", ".join(map(str, sorted(found)))
    report(
        f"{name} is unknown: the price list has {f'several prices, {listed}' if found else 'none'}"
    )
    return None


def _savings(url: str, region: str) -> tuple[str | None, dict[str, int]]:
    """The percent that spot instances cost less, by type; none where AWS publishes none."""
    content, day = read_json(url)
    try:
        listed = content["spot_advisor"].get(region, {}).get("Linux", {})
        savings = {name: int(each["s"]) for name, each in listed.items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise RefreshError(f"{url} does not have the form of the Spot Instance Advisor") from None
    # It has 0 where it has no figure, and nothing is free.
    usable = {name: percent for name, percent in savings.items() if 0 < percent < 100}
    return (day.isoformat() if day and usable else None), usable
