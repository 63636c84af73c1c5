"""The property `instanceMarketOptions` of an instance: spot requests and their prices."""

from __future__ import annotations

from typing import Any

from localcloud.aws_plugin.resources.kind import Inputs, names, renamed
from localcloud.aws_plugin.values import Values

SPOT = names("maxPrice spotInstanceType instanceInterruptionBehavior")
_MARKET = "instanceMarketOptions"


def request(market: Inputs) -> dict[str, Any]:
    """The options as RunInstances takes them."""
    return {
        "MarketType": market["marketType"],
        "SpotOptions": renamed(market.get("spotOptions") or {}, SPOT),
    }


def as_ec2_returns(market: Inputs | None) -> Inputs | None:
    """Market options with the price of the spot request, which has six decimals."""
    price = _price(market)
    if market is None or not price:
        return market
    return {**market, "spotOptions": {**market["spotOptions"], "maxPrice": f"{float(price):.6f}"}}


def compared(previous: Inputs, inputs: Inputs, state: Inputs) -> Values:
    """
    The market options of before with the price that EC2 returned.

    The real plugin takes two prices for the same where they differ in zeros at their ends only:
    https://github.com/hashicorp/terraform-provider-aws/blob/v6.0.0/internal/service/ec2/ec2_instance.go
    """
    market, wanted = previous.get(_MARKET), _price(inputs.get(_MARKET))
    actual = _price(state.get(_MARKET))
    if not market or not wanted or not actual or actual.rstrip("0") == wanted.rstrip("0"):
        return {}
    return {_MARKET: {**market, "spotOptions": {**market["spotOptions"], "maxPrice": actual}}}


def _price(market: Inputs | None) -> str:
    return str(((market or {}).get("spotOptions") or {}).get("maxPrice") or "")
