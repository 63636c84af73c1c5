"""
AWS's public price list, which needs no credentials: the offers, their regions, a CSV file of each.

https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-the-aws-price-list-bulk-api.html

The file of EC2 in one region has some hundred MB: it is read row by row.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from cost.download import RefreshError, lines, opened, read_json

# Each partition has an index of its own.
INDEXES = {
    "cn": "https://pricing.cn-north-1.amazonaws.com.cn/offers/v1.0/cn/index.json",
    "aws": "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/index.json",
}
_ROOT = "/offers/"
OFFERS = ("AmazonEC2", "AmazonVPC", "AWSELB")
"""Where instances and volumes, public addresses and load balancers are."""

GP3, ADDRESS, LOAD_BALANCER = "gp3GibMonth", "publicAddressHour", "loadBalancerHour"
# The usage types have the region's short name before them, but for us-east-1.
_REGION = r"([A-Z0-9]+-)?"
_USAGE = {
    GP3: (re.compile(_REGION + r"EBS:VolumeUsage\.gp3"), "", "GB-Mo"),
    ADDRESS: (re.compile(_REGION + "PublicIPv4:InUseAddress"), "", "Hrs"),
    LOAD_BALANCER: (re.compile(_REGION + "LoadBalancerUsage"), "LoadBalancing:Network", "Hrs"),
}
# An instance of Linux on hardware that is shared, without a reservation of capacity.
_LINUX = {
    "tenancy": "Shared",
    "operatingsystem": "Linux",
    "preinstalledsw": "NA",
    "capacitystatus": "Used",
    "locationtype": "AWS Region",
    "unit": "Hrs",
}
# Blocks of capacity are sold in advance at prices of their own.
_MARKET = ("", "OnDemand")
ROWS_BETWEEN_REPORTS = 100_000

Row = Mapping[str, str]


@dataclass(kw_only=True)
class Offers:
    """What the files of a region have: the day of EC2's (YYYY-MM-DD), and prices by their names."""

    date: str | None = None
    currency: str | None = None
    instances: dict[str, set[Decimal]] = field(default_factory=dict)
    others: dict[str, set[Decimal]] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Takes over the price of a row, if it is one of those that count."""
        price = Decimal(row["priceperunit"] or 0)
        if row["termtype"] != "OnDemand" or not price:
            # Some usage is free up to an amount, as a row of its own.
            return
        if is_linux(row):
            self.instances.setdefault(row["instancetype"], set()).add(price)
        elif name := _name(row):
            self.others.setdefault(name, set()).add(price)
        else:
            return
        self.currency = row["currency"]


def is_linux(row: Row) -> bool:
    """Whether it is the price of a plain instance that may be anywhere in the region."""
    return (
        "BoxUsage:" in row["usagetype"]
        and row.get("marketoption", "") in _MARKET
        and all(row.get(key, "") == wanted for key, wanted in _LINUX.items())
    )


def _name(row: Row) -> str | None:
    for name, (usage, operation, unit) in _USAGE.items():
        if (
            usage.fullmatch(row["usagetype"])
            and row["unit"] == unit
            and operation in ("", row["operation"])
        ):
            return name
    return None


def read(region: str, index: str, report: Callable[[str], None]) -> Offers:
    """Reads the files of a region; `index` is the URL of the offers. Raises RefreshError."""
    if _ROOT not in index:
        raise RefreshError(f"{index} is not an index of offers; such as {INDEXES['aws']}")
    found = Offers()
    offers, _ = read_json(index)
    for code in OFFERS:
        url = _file(index, offers, code, region)
        if url is None:
            report(f"{index} has no {code} in {region}: its prices stay unknown")
            continue
        with opened(url) as response:
            published, rows = table(lines(response), url)
            for number, row in enumerate(rows, 1):
                found.add(row)
                if number % ROWS_BETWEEN_REPORTS == 0:
                    report(f"{code} in {region}: {number:,} rows")
        if code == OFFERS[0]:
            found.date = published[:10]
    if not found.instances:
        raise RefreshError(f"{index} has no prices of instances in {region}; see its spelling")
    return found


def table(text: Iterable[str], url: str) -> tuple[str, Iterator[Row]]:
    """
    When a file was published, and its rows by the names of their columns in small letters.

    Five lines are above the table. The names have blanks in one offer and none in another.
    """
    reader = csv.reader(text)
    head: dict[str, str] = {}
    for row in reader:
        if row and row[0] == "SKU":
            names = [re.sub(r"[^a-z0-9]", "", each.lower()) for each in row]
            missing = {"termtype", "unit", "priceperunit", "currency", "usagetype", "operation"}
            if missing := missing - {*names}:
                raise RefreshError(f"{url} has no column {', '.join(sorted(missing))}")
            return head.get("Publication Date", ""), (
                dict(zip(names, each, strict=False)) for each in reader
            )
        if len(row) > 1:
            head[row[0]] = row[1]
    raise RefreshError(f"{url} has no table of prices: no line begins with SKU")


def _file(index: str, offers: Mapping[str, object], code: str, region: str) -> str | None:
    """The CSV file of an offer in a region."""
    path = _text(offers, "offers", code, "currentRegionIndexUrl")
    if path is None:
        return None
    regions, _ = read_json(_absolute(index, path))
    path = _text(regions, "regions", region, "currentVersionUrl")
    return None if path is None else _absolute(index, path.removesuffix(".json") + ".csv")


def _text(content: object, *keys: str) -> str | None:
    for key in keys:
        content = content.get(key) if isinstance(content, Mapping) else None
    return content if isinstance(content, str) else None


def _absolute(index: str, path: str) -> str:
    return index[: index.index(_ROOT)] + path
