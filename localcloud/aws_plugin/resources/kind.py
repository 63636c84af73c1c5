"""What every resource type of the stand-in has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from localcloud.aws_plugin.session import Session
from localcloud.aws_plugin.values import Values

Inputs = Mapping[str, Any]


class Kind(ABC):
    """
    One resource type.

    `inputs` are the properties it understands (another one is refused), `replaces` those whose
    change makes a new resource, as paths without indexes; `computed` those that AWS fills in where
    they are not given, so that no longer giving one changes nothing; `secrets` are outputs marked
    secret.
    """

    token: ClassVar[str]
    inputs: ClassVar[frozenset[str]]
    replaces: ClassVar[frozenset[str]] = frozenset()
    computed: ClassVar[frozenset[str]] = frozenset()
    secrets: ClassVar[frozenset[str]] = frozenset()
    named: ClassVar[str | None] = None
    """The property that gets a generated name when the program gives none."""

    @abstractmethod
    def create(self, aws: Session, inputs: Inputs) -> str:
        """Creates it; gives its id."""

    @abstractmethod
    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        """What AWS holds under the id, inputs included; None when it is gone."""

    def update(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        """Changes in place what differs."""
        raise NotImplementedError(f"{self.token} has nothing that changes in place")

    def planned(self, outputs: Values, old: Inputs, new: Inputs) -> Values:
        """What a preview says of the resource after a change in place: what AWS decides stays."""
        kept = {key for key in outputs if key not in old or key in self.computed}
        return {**{key: outputs[key] for key in outputs if key in kept}, **new}

    @abstractmethod
    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        """Deletes it. What is gone already is fine: the servicer takes AWS's word for it."""

    def replaced_by(self, path: str, new: Inputs) -> bool:
        """Whether a change at this path needs a new resource."""
        name = path.partition("[")[0]
        return name in self.replaces or name.partition(".")[0] in self.replaces

    def finish(self, aws: Session, id_: str, inputs: Inputs) -> None:  # noqa: B027 - most need none
        """What follows the creation; when it fails the resource is kept, to be updated."""


def properties(text: str) -> frozenset[str]:
    """Property names from a readable list."""
    return frozenset(text.split())


def all_tags(aws: Session, inputs: Inputs) -> dict[str, str]:
    """The provider's tags and the resource's own, which win."""
    return {**aws.default_tags, **(inputs.get("tags") or {})}


def as_pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as the API wants them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def as_mapping(pairs: list[dict[str, str]] | None) -> dict[str, str]:
    """Tags as Pulumi wants them."""
    return {pair["Key"]: pair["Value"] for pair in pairs or []}
