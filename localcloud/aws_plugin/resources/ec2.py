"""EC2 objects: the calls that follow from an object's name in the API, and its tags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from localcloud.aws_plugin.resources.kind import (
    Inputs,
    Kind,
    all_tags,
    as_pairs,
    renamed,
    retag,
    selected,
    tag_outputs,
)
from localcloud.aws_plugin.session import Session
from localcloud.aws_plugin.values import Values


class Ec2Kind(Kind):
    """
    An EC2 object that has tags.

    For the noun `RouteTable` the calls are create_route_table, describe_route_tables and
    delete_route_table; they give and take RouteTableId, RouteTableIds and RouteTables.
    """

    noun: ClassVar[str]
    plural: ClassVar[str] = "s"
    id_key: ClassVar[str] = ""
    """The argument with the id, where it is not the noun and `Id`."""
    resource_type: ClassVar[str] = ""
    """The word in tag specifications and ARNs, where it is not the noun."""
    verbs: ClassVar[tuple[str, str]] = ("create", "delete")
    arguments: ClassVar[Mapping[str, str]] = {}
    """The inputs that the creation takes, each with its name there."""
    outputs: ClassVar[Mapping[str, str]] = {}
    """The outputs that a description has, each with its name there."""

    def create(self, aws: Session, inputs: Inputs) -> str:
        made = self.call(
            aws,
            self.verbs[0],
            **renamed(inputs, self.arguments),
            TagSpecifications=tag_specification(aws, self.type_name, inputs),
        )
        return str(made.get(self.noun, made)[self.argument])

    def describe(self, aws: Session, id_: str) -> Any:
        """What the API gives for the id. Raises its NotFound."""
        found = self.call(aws, "describe", self.plural, **{f"{self.argument}s": [id_]})
        return found[f"{self.noun}{self.plural}"][0]

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        found = self.describe(aws, id_)
        owner = found.get("OwnerId")
        return {
            "arn": owner and f"arn:aws:ec2:{aws.region}:{owner}:{self.type_name}/{id_}",
            "ownerId": owner,
            **selected(found, self.outputs),
            **tag_outputs(aws, found.get("Tags") or found.get("TagSet")),
        }

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        retag_ec2(aws, id_, old, new)

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        self.call(aws, self.verbs[1], **{self.argument: id_})

    @property
    def argument(self) -> str:
        """The argument with the id."""
        return self.id_key or f"{self.noun}Id"

    @property
    def type_name(self) -> str:
        """The word in tag specifications and ARNs."""
        return self.resource_type or self.words("-")

    def words(self, between: str) -> str:
        """The noun in lower case, with this between its words."""
        return re.sub(r"(?<!^)(?=[A-Z])", between, self.noun).lower()

    def call(self, aws: Session, verb: str, plural: str = "", **arguments: Any) -> Any:
        """A call of EC2 about this noun."""
        return getattr(aws.client("ec2"), f"{verb}_{self.words('_')}{plural}")(**arguments)


def tag_specification(aws: Session, kind: str, inputs: Inputs) -> list[dict[str, Any]]:
    """The tags of a new EC2 object, or nothing."""
    tags = all_tags(aws, inputs)
    return [{"ResourceType": kind, "Tags": as_pairs(tags)}] if tags else []


def retag_ec2(aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
    """Changes the tags of an EC2 object from old to new."""
    ec2 = aws.client("ec2")

    def remove(**call: Any) -> None:
        keys = call.pop("TagKeys")
        ec2.delete_tags(Tags=[{"Key": key} for key in keys], **call)

    retag(aws, old, new, ec2.create_tags, remove, Resources=[id_])
