"""What the objects of Elastic Load Balancing share: ARNs as ids, attributes, names and tags."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

from localcloud.aws_plugin.resources.kind import (
    Inputs,
    Kind,
    all_tags,
    as_pairs,
    retag,
    tag_outputs,
)
from localcloud.aws_plugin.session import Session
from localcloud.aws_plugin.values import Values

MOST_CHARACTERS = 32


class ElbKind(Kind):
    """An object whose attributes are set by a call of their own, after its creation too."""

    def finish(self, aws: Session, id_: str, inputs: Inputs) -> None:
        self.set_attributes(aws, id_, {}, inputs)

    @abstractmethod
    def set_attributes(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        """Sets the attributes that differ."""


def faults_in_name(name: Any) -> Iterator[tuple[str, str]]:
    """
    Why the real plugin refuses the name of a load balancer or target group.

    https://github.com/hashicorp/terraform-provider-aws/blob/v6.0.0/internal/service/elbv2/validate.go
    """
    if not isinstance(name, str):
        return
    if len(name) > MOST_CHARACTERS:
        yield "name", f'"name" cannot be longer than {MOST_CHARACTERS} characters: "{name}"'
    if re.search(r"[^0-9A-Za-z-]", name):
        yield "name", f'only alphanumeric characters and hyphens allowed in "name": "{name}"'
    if name.startswith("-") or name.endswith("-"):
        yield "name", f'"name" cannot begin or end with a hyphen: "{name}"'


def tag_request(aws: Session, inputs: Inputs) -> dict[str, Any]:
    """The tags of a new object, or nothing."""
    tags = as_pairs(all_tags(aws, inputs))
    return {"Tags": tags} if tags else {}


def read_tags(aws: Session, arn: str) -> Values:
    """Both tag properties."""
    found = aws.client("elbv2").describe_tags(ResourceArns=[arn])["TagDescriptions"]
    return tag_outputs(aws, found[0]["Tags"] if found else [])


def retag_elb(aws: Session, arn: str, old: Inputs, new: Inputs) -> None:
    """Changes the tags of an object from old to new."""
    elbv2 = aws.client("elbv2")
    retag(aws, old, new, elbv2.add_tags, elbv2.remove_tags, ResourceArns=[arn])
