"""A leftover of an interrupted creation, and how the inputs of the creation identify it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Client = Callable[[str], Any]
"""Makes the AWS client of a service."""

Inputs = Mapping[str, Any]


@dataclass(frozen=True)
class Leftover:
    """A resource that exists in AWS and in no state."""

    what: str
    id: str
    remove: Callable[[], Any]
    place: str = ""
    """The account and the region that it is in."""

    def __str__(self) -> str:
        return f"{self.what} {self.id}"


def pages(
    ec2: Any, operation: str, key: str, wanted: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """The descriptions of every page of an operation of EC2."""
    for page in ec2.get_paginator(operation).paginate(Filters=wanted):
        yield from page[key]


def filters(**wanted: list[str]) -> list[dict[str, Any]]:
    """The filters of an operation of EC2: names and the values that match."""
    return [{"Name": name, "Values": values} for name, values in wanted.items()]


def tag_filters(inputs: Inputs) -> list[dict[str, Any]]:
    """Filters for what has all tags of the inputs."""
    return filters(**{f"tag:{name}": [value] for name, value in _tags(inputs).items()})


def has_tags(inputs: Inputs, found: Sequence[Mapping[str, str]]) -> bool:
    """Whether it has all tags of the inputs; the provider may have added its default ones."""
    return _tags(inputs).items() <= {each["Key"]: each["Value"] for each in found}.items()


def _tags(inputs: Inputs) -> Mapping[str, str]:
    return inputs.get("tags") or {}
