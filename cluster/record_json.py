"""The record of a cluster as the stack output: plain JSON, written, and read with suspicion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from cluster.kubelet_state import POLICIES
from cluster.reading.keys.machines import MAX_AGENTS_IN_POOL
from cluster.record import SCHEMA, PlaceRecord, PoolRecord, Record, Value, Values

T = TypeVar("T")


class UnreadableRecord(ValueError):  # noqa: N818 - reads as the fact it states
    """The content is not a record of this schema; the text is the reason."""


def render(record: Record) -> dict[str, Any]:
    """The stack output."""
    return {
        "schema": SCHEMA,
        "accountId": record.account_id,
        "region": record.region,
        **({} if record.vpc_id is None else {"vpcId": record.vpc_id}),
        "subnets": [_subnet(each) for each in record.subnets],
        "nodeKeys": dict(record.node_keys),
        "otherKeys": dict(record.other_keys),
        "identityGenerations": dict(record.generations),
        "pools": [
            {
                "name": pool.name,
                "role": pool.role,
                "count": pool.count,
                "architecture": pool.architecture,
                "keys": dict(pool.keys),
                **({} if pool.policies is None else {"policies": dict(pool.policies)}),
            }
            for pool in record.pools
        ],
    }


def _subnet(subnet: PlaceRecord) -> dict[str, str]:
    found = {"zone": subnet.zone, "cidr": subnet.cidr, "id": subnet.id}
    return {key: each for key, each in found.items() if each is not None}


def parse(content: Any) -> Record:
    """The record in a stack output. Raises UnreadableRecord."""
    fields = _object(content, "it")
    if fields.get("schema") != SCHEMA:
        raise UnreadableRecord(f"its schema is not {SCHEMA}")
    pools = tuple(map(_parse_pool, _list(fields, "pools")))
    if not pools or pools[0].role != "server" or not pools[0].count:
        raise UnreadableRecord("its first pool must be the servers")
    subnets = tuple(map(_parse_subnet, _list(fields, "subnets")))
    if not subnets:
        raise UnreadableRecord('"subnets" is empty')
    keys = _values(fields, "nodeKeys")
    if not isinstance(keys.get("cluster.name"), str):
        raise UnreadableRecord("it has no name of the cluster")
    generations = _values(fields, "identityGenerations")
    return Record(
        account_id=_text(fields, "accountId"),
        region=_text(fields, "region"),
        vpc_id=_optional(fields, "vpcId"),
        subnets=subnets,
        node_keys=keys,
        other_keys=_values(fields, "otherKeys"),
        generations={key: each for key, each in generations.items() if isinstance(each, int)},
        pools=pools,
    )


def _parse_pool(content: Any) -> PoolRecord:
    fields = _object(content, "a pool")
    role, count = fields.get("role"), _value(fields.get("count"))
    if role not in ("server", "agent"):
        raise UnreadableRecord('the "role" of a pool is not server or agent')
    if not isinstance(count, int) or not 0 <= count <= MAX_AGENTS_IN_POOL:
        raise UnreadableRecord('the "count" of a pool is not a number of machines')
    return PoolRecord(
        name=_text(fields, "name"),
        role="server" if role == "server" else "agent",
        count=count,
        architecture=_text(fields, "architecture"),
        keys=_values(fields, "keys"),
        policies=_policies(fields),
    )


def _policies(fields: Mapping[str, Any]) -> Mapping[str, str] | None:
    if fields.get("policies") is None:
        return None
    found = _object(fields["policies"], '"policies"')
    return {name: _text(found, name) for name in POLICIES}


def _parse_subnet(content: Any) -> PlaceRecord:
    fields = _object(content, "a subnet")
    return PlaceRecord(
        zone=_text(fields, "zone"), cidr=_optional(fields, "cidr"), id=_optional(fields, "id")
    )


def _object(content: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        raise UnreadableRecord(f"{what} is not an object")
    return content


def _list(fields: Mapping[str, Any], name: str) -> list[Any]:
    if not isinstance(found := fields.get(name), list):
        raise UnreadableRecord(f'"{name}" is not a list')
    return found


def _text(fields: Mapping[str, Any], name: str) -> str:
    if not isinstance(found := fields.get(name), str):
        raise UnreadableRecord(f'"{name}" is not a string')
    return found


def _optional(fields: Mapping[str, Any], name: str) -> str | None:
    return None if fields.get(name) is None else _text(fields, name)


def _values(fields: Mapping[str, Any], name: str) -> Values:
    found = _object(fields.get(name), f'"{name}"')
    return {str(key): _value(each) for key, each in found.items()}


def _value(value: Any) -> Value:
    # A number comes back from the engine as a floating-point one.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, str | int | bool):
        raise UnreadableRecord("a value is not a string, a whole number or a boolean")
    return value
