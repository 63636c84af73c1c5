"""
What the cluster costs per month and per hour, from the model and the prices of its region.

A month has 730 hours, as in AWS's own calculator.
https://docs.aws.amazon.com/pricing-calculator/latest/userguide/what-is-pricing-calculator.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from cluster import endpoint
from cluster.model import Cluster, NodePool
from cost.prices import Prices

HOURS_PER_MONTH = 730


@dataclass(frozen=True, kw_only=True)
class Item:
    """
    A part of the cluster: how many `units` of what, each at `hourly_price`; None: not known.

    `estimated` where the price is not a list price, such as that of spot instances.
    """

    name: str
    count: int
    unit: str
    unit_price: Decimal | None
    hourly_price: Decimal | None
    estimated: bool = False

    @property
    def hourly(self) -> Decimal | None:
        return None if self.hourly_price is None else self.hourly_price * self.count

    @property
    def monthly(self) -> Decimal | None:
        return None if self.hourly is None else self.hourly * HOURS_PER_MONTH


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The items of a cluster; the sums are those of the known ones, None where none is known."""

    region: str
    currency: str
    prices_of: str | None
    items: tuple[Item, ...]
    ttl_seconds: int | None = None

    @property
    def hourly(self) -> Decimal | None:
        known = [each.hourly for each in self.items if each.hourly is not None]
        return sum(known, Decimal()) if known else None

    @property
    def monthly(self) -> Decimal | None:
        return None if self.hourly is None else self.hourly * HOURS_PER_MONTH

    @property
    def until_expiry(self) -> Decimal | None:
        """From the creation until the cluster ends itself; None where it does not."""
        if self.hourly is None or self.ttl_seconds is None:
            return None
        return self.hourly * self.ttl_seconds / 3600

    @property
    def unknown(self) -> tuple[str, ...]:
        """The names of the items without a price."""
        return tuple(each.name for each in self.items if each.hourly is None)


def of(cluster: Cluster, prices: Prices) -> Estimate:
    """The estimate of a cluster; nothing in it depends on the time."""
    return Estimate(
        region=cluster.region,
        currency=prices.currency,
        prices_of=prices.date,
        items=tuple(_items(cluster, prices)),
        ttl_seconds=cluster.ttl_seconds,
    )


def _items(cluster: Cluster, prices: Prices) -> Iterator[Item]:
    for pool in cluster.all_pools:
        if not pool.count:
            continue
        yield _machines(pool, prices)
        yield _volumes(f"{pool.name}: root volumes", pool.count, pool.root_volume_gib, prices)
        if pool.data_volume_gib is not None:
            yield _volumes(f"{pool.name}: data volumes", pool.count, pool.data_volume_gib, prices)
    if cluster.network.public_addresses:
        yield _addresses("public IPv4 addresses", len(cluster.nodes), prices)
    yield from _endpoint(cluster, prices)


def _machines(pool: NodePool, prices: Prices) -> Item:
    kind = pool.instance_type
    price = prices.instances.get(kind)
    if pool.spot is not None:
        price = prices.spot(kind)
        if price is not None and pool.spot.max_price is not None:
            # EC2 takes the instance back before it costs more.
            price = min(price, Decimal(pool.spot.max_price))
    return Item(
        name=f"{pool.name}: {kind}{' spot' if pool.spot else ''}",
        count=pool.count,
        unit="hour",
        unit_price=price,
        hourly_price=price,
        estimated=pool.spot is not None,
    )


def _volumes(name: str, count: int, gib: int, prices: Prices) -> Item:
    price = prices.gp3_gib_month
    return Item(
        name=f"{name}, {gib} GiB gp3",
        count=count,
        unit="GiB month",
        unit_price=price,
        hourly_price=None if price is None else price * gib / HOURS_PER_MONTH,
    )


def _addresses(name: str, count: int, prices: Prices) -> Item:
    price = prices.public_address_hour
    return Item(name=name, count=count, unit="hour", unit_price=price, hourly_price=price)


def _endpoint(cluster: Cluster, prices: Prices) -> Iterator[Item]:
    if cluster.endpoint.type != "loadBalancer":
        return
    price = prices.load_balancer_hour
    yield Item(
        name="network load balancer", count=1, unit="hour", unit_price=price, hourly_price=price
    )
    if not cluster.endpoint.internal:
        # AWS gives it an address in each of its zones, and bills those too:
        # https://docs.aws.amazon.com/vpc/latest/userguide/vpc-ip-addressing.html
        number = len(endpoint.load_balancer_subnets(cluster))
        yield _addresses("public IPv4 addresses of the load balancer", number, prices)
