"""
The prices of one region (prices/<region>.json), as `python -m cost refresh` writes them.

A price that the file does not have is None: unknown, never 0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "prices"


@dataclass(frozen=True, kw_only=True)
class Prices:
    """
    The prices of a region in its currency, and the day AWS published them (YYYY-MM-DD).

    `instances` are on-demand prices of Linux by instance type and hour. `spot_savings` are the
    percent that spot instances of a type cost less, as the Spot Instance Advisor has it: the mean
    of the month before `spot_date`. The rest is per GiB and month of gp3, per hour of a public
    IPv4 address, and per hour of a network load balancer.
    """

    region: str
    currency: str
    date: str | None = None
    instances: Mapping[str, Decimal] = field(default_factory=dict)
    spot_date: str | None = None
    spot_savings: Mapping[str, int] = field(default_factory=dict)
    gp3_gib_month: Decimal | None = None
    public_address_hour: Decimal | None = None
    load_balancer_hour: Decimal | None = None

    def spot(self, instance_type: str) -> Decimal | None:
        """An estimate of the spot price of an hour."""
        price, saving = self.instances.get(instance_type), self.spot_savings.get(instance_type)
        return None if price is None or saving is None else price * (100 - saving) / 100


def currency_of(region: str) -> str:
    """The currency in which AWS sells in the region: that of its partition."""
    # https://aws.eu/ebs/pricing has euros: the European Sovereign Cloud.
    return {"cn": "CNY", "eusc": "EUR"}.get(region.split("-", 1)[0], "USD")


def load(region: str, folder: Path = FOLDER) -> Prices:
    """The prices of the region; without a file of it all are unknown."""
    file = folder / f"{region}.json"
    if not file.exists():
        return Prices(region=region, currency=currency_of(region))
    return parse(json.loads(file.read_text(), parse_float=Decimal))


def parse(content: Mapping[str, Any]) -> Prices:
    """The prices from the content of a file."""
    return Prices(
        region=content["region"],
        currency=content["currency"],
        date=content["date"],
        instances={name: Decimal(price) for name, price in content["instances"].items()},
        spot_date=content["spotDate"],
        spot_savings=content["spotSavings"],
        gp3_gib_month=_price(content["gp3GibMonth"]),
        public_address_hour=_price(content["publicAddressHour"]),
        load_balancer_hour=_price(content["loadBalancerHour"]),
    )


def render(prices: Prices, sources: Mapping[str, str]) -> str:
    """The file: prices as strings, so that none is rounded. `sources` are where each is from."""
    content = {
        "region": prices.region,
        "currency": prices.currency,
        "date": prices.date,
        "spotDate": prices.spot_date,
        "sources": dict(sources),
        "gp3GibMonth": _text(prices.gp3_gib_month),
        "publicAddressHour": _text(prices.public_address_hour),
        "loadBalancerHour": _text(prices.load_balancer_hour),
        "instances": {name: _text(price) for name, price in sorted(prices.instances.items())},
        "spotSavings": dict(sorted(prices.spot_savings.items())),
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _price(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _text(price: Decimal | None) -> str | None:
    return None if price is None else f"{price.normalize():f}"
