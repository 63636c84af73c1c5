"""What a cluster costs by its configuration, with prices that are easy to add up."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from cluster import config
from cluster.model import Cluster
from cluster.spec import EndpointSpec
from cost import estimate, prices, summary
from cost.prices import Prices
from tests.cluster import ec2

OPEN = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": ["203.0.113.0/24"]}
# 730 hours: a gp3 GiB for 0.73 a month costs 0.001 an hour.
PRICES = Prices(
    region="eu-central-1",
    currency="USD",
    date="2026-11-20",
    instances={"t4g.small": Decimal("0.02"), "m7g.large": Decimal("0.1")},
    spot_savings={"t4g.small": 70},
    gp3_gib_month=Decimal("0.73"),
    public_address_hour=Decimal("0.005"),
    load_balancer_hour=Decimal("0.03"),
)


def cluster(**keys: Any) -> Cluster:
    return ec2.resolve(config.load({"network": OPEN, **keys}, stack="dev"))


def hourly(wanted: Cluster, known: Prices = PRICES) -> dict[str, tuple[int, Decimal | None]]:
    """The items by their names: how many, and what they cost together an hour."""
    return {each.name: (each.count, each.hourly) for each in estimate.of(wanted, known).items}


def test_a_server_costs_its_instance_its_two_volumes_and_its_address() -> None:
    one = cluster(servers={"rootVolumeGib": 20, "dataVolumeGib": 10})
    assert hourly(one) == {
        "servers: t4g.small": (1, Decimal("0.02")),
        "servers: root volumes, 20 GiB gp3": (1, Decimal("0.02")),
        "servers: data volumes, 10 GiB gp3": (1, Decimal("0.01")),
        "public IPv4 addresses": (1, Decimal("0.005")),
    }
    found = estimate.of(one, PRICES)
    assert (found.hourly, found.monthly) == (Decimal("0.055"), Decimal("40.15"))


def test_agents_cost_for_each_machine_and_an_empty_pool_nothing() -> None:
    pools = [
        {"name": "agents", "count": 3, "instanceType": "m7g.large", "rootVolumeGib": 40},
        {"name": "none", "count": 0, "instanceType": "m7g.large"},
    ]
    found = hourly(cluster(pools=pools))
    assert found["agents: m7g.large"] == (3, Decimal("0.3"))
    assert found["agents: root volumes, 40 GiB gp3"] == (3, Decimal("0.12"))
    assert found["public IPv4 addresses"] == (4, Decimal("0.02"))
    assert not [name for name in found if name.startswith("none")]


@pytest.mark.parametrize(("limit", "price"), [(None, "0.006"), ("0.004", "0.004"), ("1", "0.006")])
def test_spot_is_an_estimate_and_at_most_what_the_pool_pays(limit: str | None, price: str) -> None:
    pool: dict[str, Any] = {"name": "agents", "count": 1, "instanceType": "t4g.small", "spot": True}
    if limit:
        pool["spotMaxPrice"] = limit
    found = {each.name: each for each in estimate.of(cluster(pools=[pool]), PRICES).items}
    item = found["agents: t4g.small spot"]
    assert (item.hourly, item.estimated) == (Decimal(price), True)


def test_a_public_load_balancer_costs_an_address_in_each_zone_of_the_servers() -> None:
    zones = {"availabilityZones": ["eu-central-1a", "eu-central-1b", "eu-central-1c"]}
    servers = {"count": 3}
    network = {**OPEN, **zones}
    public = cluster(servers=servers, network=network, endpoint={"type": "loadBalancer"})
    found = hourly(public)
    assert found["network load balancer"] == (1, Decimal("0.03"))
    assert found["public IPv4 addresses of the load balancer"] == (3, Decimal("0.015"))
    # It needs subnets of one's own, which the addresses of this test do not have.
    found = hourly(replace(public, endpoint=EndpointSpec(type="loadBalancer", internal=True)))
    assert found["network load balancer"] == (1, Decimal("0.03"))
    assert "public IPv4 addresses of the load balancer" not in found


def test_what_has_no_price_is_named_and_not_counted_as_nothing() -> None:
    one = cluster(pools=[{"name": "builders", "count": 2, "instanceType": "c7i.large"}])
    found = estimate.of(one, PRICES)
    assert found.unknown == ("builders: c7i.large",)
    content = summary.output(found)
    assert content["unknown"] == ["builders: c7i.large"]
    (item,) = [each for each in content["items"] if each["name"] == "builders: c7i.large"]
    assert (item["unitPrice"], item["monthly"], item["hourly"]) == (None, None, None)
    assert summary.line(found).startswith("at least 77 USD a month (")
    assert summary.line(found).endswith("; price unknown: builders: c7i.large)")


def test_a_region_without_a_file_has_no_sum_at_all() -> None:
    found = estimate.of(cluster(), prices.load("xx-nowhere-1"))
    assert (found.hourly, found.monthly) == (None, None)
    assert summary.output(found)["monthly"] is None
    assert summary.line(found) == (
        "cost unknown: there are no prices of eu-central-1; "
        ".local/venv/bin/python -m cost refresh eu-central-1 gets them"
    )


@pytest.mark.parametrize(
    ("region", "currency"), [("cn-north-1", "CNY"), ("eusc-de-east-1", "EUR"), ("us-east-1", "USD")]
)
def test_the_currency_is_that_of_the_partition(region: str, currency: str) -> None:
    assert prices.currency_of(region) == currency


def test_a_cluster_that_ends_itself_has_what_it_costs_until_then() -> None:
    found = estimate.of(cluster(ttl="4h"), PRICES)
    assert found.until_expiry == Decimal("0.22")
    assert summary.output(found)["untilExpiry"] == 0.22
    assert summary.line(found).startswith("about 40 USD a month, 0.22 USD until it expires (")
    assert "untilExpiry" not in summary.output(estimate.of(cluster(), PRICES))


def test_the_line_is_short_and_names_the_region_and_the_day_of_the_prices() -> None:
    assert summary.line(estimate.of(cluster(), PRICES)) == (
        "about 40 USD a month (eu-central-1, prices of 2026-11-20; traffic not included)"
    )


@pytest.mark.parametrize("file", sorted(prices.FOLDER.glob("*.json")), ids=lambda file: file.stem)
def test_a_file_of_prices_has_its_region_day_and_no_price_of_nothing(file: Any) -> None:
    found = prices.load(file.stem)
    assert (found.region, found.currency) == (file.stem, prices.currency_of(file.stem))
    assert found.date is not None
    assert len(found.date) == len("2026-11-20")
    others = [found.gp3_gib_month, found.public_address_hour, found.load_balancer_hour]
    assert all(each > 0 for each in [*found.instances.values(), *others] if each is not None)
    assert all(0 < each < 100 for each in found.spot_savings.values())
