"""A configuration resolved with what AWS reports about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from cluster import aws_checks
from cluster.aws_facts import AwsFacts
from cluster.errors import ConfigError
from cluster.model import Cluster, Network, NodePool
from cluster.spec import CALLER, ClusterSpec, NetworkSpec


def resolve(spec: ClusterSpec, facts: AwsFacts, find_image: Callable[[str], str]) -> Cluster:
    """
    The cluster that the configuration describes, on this account.

    `find_image` gives the image id behind an SSM parameter; it is called once for each parameter,
    and only when the configuration fits the facts. Raises ConfigError with every problem.
    """
    problems = aws_checks.problems(spec, facts)
    if problems:
        raise ConfigError(problems)
    servers, *agents = _pools(spec, facts, find_image)
    known = [facts.subnets[each] for each in spec.network.subnet_ids]
    fields = _fields(spec) | {
        "servers": servers,
        "pools": tuple(agents),
        "network": _network(spec.network, facts.caller),
        "warnings": (*spec.warnings, *aws_checks.warnings(spec, facts)),
    }
    return Cluster(
        **fields,
        subnets=facts.subnets_of(spec.network),
        vpc_ranges=tuple(facts.vpc_ranges) or (spec.network.vpc_cidr,),
        vpc_id=next((each.vpc_id for each in known if each), None),
        region=facts.region,
        account_id=facts.account_id,
        partition=facts.partition,
        restored_from=spec.snapshot_id,
    )


def _fields(value: Any) -> dict[str, Any]:
    """The fields of a dataclass, not copied."""
    return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}


def _pools(
    spec: ClusterSpec, facts: AwsFacts, find_image: Callable[[str], str]
) -> Iterator[NodePool]:
    found: dict[str, str] = {}
    for pool in spec.all_pools:
        architecture = facts.architecture_of(pool.instance_type)
        if architecture is None:
            raise AssertionError(f"{pool.instance_type} passed the checks and has no architecture")
        image_id = pool.image.ami
        if image_id is None:
            parameter = pool.image.parameters[architecture]
            image_id = found[parameter] = found.get(parameter) or find_image(parameter)
        yield NodePool(**_fields(pool), architecture=architecture, image_id=image_id)


def _network(ranges: NetworkSpec, caller: str | None) -> Network:
    def resolved(listed: tuple[str, ...]) -> tuple[str, ...]:
        found = (caller if each == CALLER and caller else each for each in listed)
        return tuple(dict.fromkeys(found))

    fields = _fields(ranges) | {
        "api_allowed_cidrs": resolved(ranges.api_allowed_cidrs),
        "ssh_allowed_cidrs": resolved(ranges.ssh_allowed_cidrs),
        "ingress": tuple(
            dataclasses.replace(each, sources=resolved(each.sources)) for each in ranges.ingress
        ),
    }
    return Network(**fields)
