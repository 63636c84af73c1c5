"""`python -m cost refresh` against a price list on loopback."""

from __future__ import annotations

import json
import tracemalloc
from decimal import Decimal
from pathlib import Path

import pytest

from cost import prices
from cost.__main__ import main
from cost.download import lines, opened
from cost.price_list import Offers, table
from tests.cost import price_list_server as server
from tests.cost.price_list_server import ADDRESS, BALANCER, VOLUME, machine, usage

REGION = "eu-central-1"
CSV = f"/offers/v1.0/aws/AmazonEC2/20261120215955/{REGION}/index.csv"


def refresh(
    folder: Path, paths: dict[str, bytes], *, region: str = REGION, cut: str = ""
) -> tuple[int, prices.Prices]:
    """The status of the command, and what it wrote."""
    with server.served(paths, cut) as url:
        index = ["--index", f"{url}/offers/v1.0/aws/index.json"]
        spot = ["--spot-advisor", f"{url}/spot-advisor-data.json"]
        status = main(["refresh", region, *index, *spot], folder)
    return status, prices.load(region, folder)


def price_list(*rows: dict[str, str], savings: dict[str, int] | None = None) -> dict[str, bytes]:
    return {
        **server.offers(
            REGION,
            AmazonEC2=server.table([*rows, VOLUME]),
            AmazonVPC=server.table([ADDRESS], "2026-10-01T00:00:00Z"),
            AWSELB=server.table([BALANCER]),
        ),
        "/spot-advisor-data.json": server.advisor(REGION, savings or {}),
    }


def test_the_prices_of_a_region_are_those_of_its_three_offers(tmp_path: Path) -> None:
    paths = price_list(
        machine("t4g.small", "0.0192000000"),
        machine("m7g.large", "0.0978000000"),
        savings={"t4g.small": 70, "x9.huge": 50},
    )
    status, found = refresh(tmp_path, paths)
    assert status == 0
    assert found == prices.Prices(
        region=REGION,
        currency="USD",
        date="2026-11-20",
        instances={"t4g.small": Decimal("0.0192"), "m7g.large": Decimal("0.0978")},
        spot_date="2026-11-19",
        spot_savings={"t4g.small": 70},
        gp3_gib_month=Decimal("0.0952"),
        public_address_hour=Decimal("0.005"),
        load_balancer_hour=Decimal("0.027"),
    )
    assert found.spot("t4g.small") == Decimal("0.00576")


@pytest.mark.parametrize(
    "other",
    [
        machine("t4g.small", "0.0212", Tenancy="Dedicated"),
        machine("t4g.small", "0.05", Operating_System="Windows"),
        machine("t4g.small", "0.3", **{"Pre Installed S/W": "SQL Std"}),
        machine("t4g.small", "0.0192", usageType="EUC1-UnusedBox:t4g.small"),
        machine("t4g.small", "0.01", TermType="Reserved"),
        machine("t4g.small", "0.0000000000", CapacityStatus="AllocatedCapacityReservation"),
        machine("t4g.small", "0.024", Location_Type="AWS Local Zone"),
        machine("t4g.small", "0.5", MarketOption="CapacityBlock"),
    ],
)
def test_other_prices_of_the_type_do_not_count(tmp_path: Path, other: dict[str, str]) -> None:
    _, found = refresh(tmp_path, price_list(other, machine("t4g.small", "0.0192000000")))
    assert found.instances == {"t4g.small": Decimal("0.0192")}


def test_other_load_balancers_and_what_is_free_up_to_an_amount_do_not_count(
    tmp_path: Path,
) -> None:
    paths = price_list(machine("t4g.small", "0.0192"))
    paths |= server.offers(
        REGION,
        AmazonEC2=paths[CSV],
        AmazonVPC=server.table(
            [
                usage("EUC1-PublicIPv4:InUseAddress", "Hrs", "0.0000000000", EndingRange="750"),
                ADDRESS,
                usage("EUC1-PublicIPv4:IdleAddress", "Hrs", "0.0060000000"),
            ]
        ),
        AWSELB=server.table(
            [
                usage("EUC1-LoadBalancerUsage", "Hrs", "0.03", "LoadBalancing"),
                usage("EUC1-LoadBalancerUsage", "Hrs", "0.04", "LoadBalancing:Application"),
                usage("EUC1-TS-LoadBalancerUsage", "Hrs", "0.0055", "LoadBalancing:Network"),
                BALANCER,
            ]
        ),
    )
    _, found = refresh(tmp_path, paths)
    assert found.public_address_hour == Decimal("0.005")
    assert found.load_balancer_hour == Decimal("0.027")


def test_what_has_two_prices_or_none_is_unknown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = {
        **server.offers(
            REGION,
            AmazonEC2=server.table([machine("t4g.small", "0.0192"), machine("t4g.small", "0.02")]),
        ),
        "/spot-advisor-data.json": server.advisor(REGION, {}),
    }
    status, found = refresh(tmp_path, paths)
    assert (status, found.instances, found.gp3_gib_month) == (0, {}, None)
    reported = capsys.readouterr().err
    assert "t4g.small is unknown: the price list has several prices, 0.0192, 0.02" in reported
    assert "gp3GibMonth is unknown: the price list has none" in reported
    assert "has no AmazonVPC in eu-central-1: its prices stay unknown" in reported
    written = json.loads((tmp_path / f"{REGION}.json").read_text())
    assert written["gp3GibMonth"] is None


def test_a_spot_saving_of_nothing_or_all_is_unknown(tmp_path: Path) -> None:
    paths = price_list(machine("t4g.small", "0.0192"), savings={"t4g.small": 0})
    _, found = refresh(tmp_path, paths)
    assert found.spot_savings == {}
    assert found.spot_date is None


def test_a_region_that_is_not_in_the_list_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = price_list(machine("t4g.small", "0.0192"))
    status, _ = refresh(tmp_path, paths, region="eu-centrall-1")
    assert status == 1
    assert "no prices of instances in eu-centrall-1" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changed", "reported"),
    [
        ({CSV: b'"FormatVersion","v1.0"\n'}, "no line begins with SKU"),
        ({CSV: b'"SKU","TermType"\n'}, "has no column currency, operation, priceperunit, unit"),
        ({"/spot-advisor-data.json": b"<html>"}, "is not JSON"),
        ({"/spot-advisor-data.json": b'{"spot_advisor": []}'}, "does not have the form"),
        ({"/offers/v1.0/aws/AmazonEC2/current/region_index.json": b"[]"}, "not a JSON object"),
    ],
)
def test_a_file_of_another_form_is_an_error_and_the_old_prices_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, bytes], reported: str
) -> None:
    paths = price_list(machine("t4g.small", "0.0192"))
    _, before = refresh(tmp_path, paths)
    status, after = refresh(tmp_path, {**paths, **changed})
    assert (status, after) == (1, before)
    assert reported in capsys.readouterr().err


def test_an_index_elsewhere_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["refresh", REGION, "--index", "http://127.0.0.1:9/prices.json"], tmp_path) == 1
    assert "is not an index of offers; such as https://pricing." in capsys.readouterr().err
    assert main(["refresh", REGION, "--index", "file:///offers/index.json"], tmp_path) == 1
    assert "is not an http or https URL" in capsys.readouterr().err


def test_a_download_that_ends_early_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = price_list(machine("t4g.small", "0.0192"))
    status, _ = refresh(tmp_path, paths, cut=CSV)
    assert status == 1
    assert "ended 20 bytes early; run it again" in capsys.readouterr().err


def test_a_big_file_is_not_held_in_memory() -> None:
    row = machine("t4g.small", "0.0192000000", PriceDescription="x" * 500)
    content = server.table([row] * 40_000)
    assert len(content) > 25_000_000
    with server.served({"/big.csv": content}) as url, opened(f"{url}/big.csv") as response:
        tracemalloc.start()
        found = Offers()
        for each in table(lines(response), url)[1]:
            found.add(each)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert found.instances == {"t4g.small": {Decimal("0.0192")}}
    # The server's part of it: the pieces it has sent and this side has not read.
    assert peak < 5_000_000
