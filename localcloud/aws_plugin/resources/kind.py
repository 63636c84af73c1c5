"""What every resource type of the stand-in has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from localcloud.aws_plugin.session import Session
from localcloud.aws_plugin.values import Values
from provider.protocol.differences import Difference

Inputs = Mapping[str, Any]
Pairs = list[dict[str, str]]
Call = Callable[..., Any]


class Kind(ABC):
    """
    One resource type. tests/localcloud/aws_plugin/test_facts.py compares the lists with the SDK's.

    `inputs`: the supported properties; another one is refused.
    `replaces`: those whose change makes a new resource, as paths without indexes.
    `computed`: those that AWS fills in where they are not given; removing one changes nothing.
    `secrets`: the outputs that are marked secret.
    """

    token: ClassVar[str]
    inputs: ClassVar[frozenset[str]]
    replaces: ClassVar[frozenset[str]] = frozenset()
    computed: ClassVar[frozenset[str]] = frozenset()
    secrets: ClassVar[frozenset[str]] = frozenset()
    conflicts: ClassVar[Mapping[str, str]] = {}
    """Inputs that exclude each other."""
    named: ClassVar[str | None] = None
    """The property that gets a generated name when the program gives none."""

    @abstractmethod
    def create(self, aws: Session, inputs: Inputs) -> str:
        """Creates it; gives its id."""

    def finish(self, aws: Session, id_: str, inputs: Inputs) -> None:  # noqa: B027 - most need none
        """What follows the creation; when it fails the resource is kept, to be updated."""

    @abstractmethod
    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        """What AWS holds under the id, inputs included; None when it is gone."""

    def update(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        """Changes in place what differs; a computed property that is not given keeps its value."""
        kept = {key: old[key] for key in self.computed & set(old) if new.get(key) is None}
        self.change(aws, id_, old, {**new, **kept})

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        """The calls of `update`."""
        raise NotImplementedError(f"{self.token} has nothing that changes in place")

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        """Deletes it. What is gone already is fine: AWS's NotFound ends the deletion."""
        raise NotImplementedError(f"{self.token} cannot be deleted")

    def compared(self, previous: Inputs, inputs: Inputs, state: Inputs) -> Values:
        """The previous inputs, with the outputs where the real plugin compares with those."""
        return dict(previous)

    def replaced_by(self, path: str, new: Inputs) -> bool:
        """Whether a change at this path needs a new resource."""
        name = path.partition("[")[0]
        return name in self.replaces or name.partition(".")[0] in self.replaces

    def replaced_by_difference(self, difference: Difference, new: Inputs) -> bool:
        """As `replaced_by`, where the previous value matters too."""
        return self.replaced_by(difference.text, new)

    def faults(self, inputs: Inputs) -> Iterator[tuple[str, str]]:
        """What the real plugin refuses before it calls AWS: a property, and why."""
        yield from ()

    def planned(self, outputs: Values, old: Inputs, new: Inputs) -> Values:
        """The outputs that a preview expects after a change in place: what AWS decides stays."""
        kept = {key: outputs[key] for key in outputs if key not in old or key in self.computed}
        return {**kept, **new}


class Written(Kind):
    """A kind that is created by the call that changes it, under an id that its inputs give."""

    @abstractmethod
    def id_of(self, inputs: Inputs) -> str:
        """The id."""

    def create(self, aws: Session, inputs: Inputs) -> str:
        id_ = self.id_of(inputs)
        self.change(aws, id_, {}, inputs)
        return id_


class Attachable(Kind):
    """A kind with one property that attaches it to something else, which can change in place."""

    attachment: ClassVar[str]

    @abstractmethod
    def attach(self, aws: Session, id_: str, target: str) -> None:
        """Attaches it."""

    @abstractmethod
    def detach(self, aws: Session, id_: str, target: str) -> None:
        """Detaches it."""

    def finish(self, aws: Session, id_: str, inputs: Inputs) -> None:
        self._move(aws, id_, None, inputs.get(self.attachment))

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        super().change(aws, id_, old, new)
        self._move(aws, id_, old.get(self.attachment), new.get(self.attachment))

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        found = self.read(aws, id_, known) or {}
        self._move(aws, id_, found.get(self.attachment), None)
        super().delete(aws, id_, known)

    def _move(self, aws: Session, id_: str, source: str | None, target: str | None) -> None:
        if source and source != target:
            self.detach(aws, id_, source)
        if target and source != target:
            self.attach(aws, id_, target)


def properties(text: str) -> frozenset[str]:
    """Property names from a readable list."""
    return frozenset(text.split())


def names(text: str, **others: str) -> Mapping[str, str]:
    """Properties with their names in the API: `vpcId` is VpcId there, `others` are as given."""
    return {**{each: each[0].upper() + each[1:] for each in text.split()}, **others}


def renamed(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The values that are given, under the names of the API."""
    return {
        name: values[key]
        for key, name in names.items()
        if values.get(key) is not None and values[key] != ""
    }


def selected(found: Mapping[str, Any], names: Mapping[str, str]) -> Values:
    """These properties of what the API describes; None where it has none."""
    return {key: found.get(name) for key, name in names.items()}


def in_order_of(previous: Inputs, new: Inputs, *keys: str) -> Values:
    """The previous inputs, with lists that are sets in the order of the new ones."""
    same = {
        key: new[key]
        for key in keys
        if _as_set(previous.get(key)) and _as_set(previous.get(key)) == _as_set(new.get(key))
    }
    return {**previous, **same}


def _as_set(values: Sequence[Any] | None) -> set[str]:
    # An unknown one is no string, and equal to no other.
    return {each if isinstance(each, str) else f"unknown {id(each)}" for each in values or []}


def all_tags(aws: Session, inputs: Inputs) -> dict[str, str]:
    """The provider's tags and the resource's own, which win."""
    return {**aws.default_tags, **(inputs.get("tags") or {})}


def as_pairs(tags: Mapping[str, str]) -> Pairs:
    """Tags in the API's format."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def tag_outputs(aws: Session, pairs: Pairs | None) -> Values:
    """Both tag properties: the resource's own tags, and all of them."""
    tags = {pair["Key"]: pair["Value"] for pair in pairs or []}
    own = {key: value for key, value in tags.items() if aws.default_tags.get(key) != value}
    return {"tags": own or None, "tagsAll": tags}


def retag(aws: Session, old: Inputs, new: Inputs, add: Call, remove: Call, **subject: Any) -> None:
    """Changes the tags of the subject from old to new by the service's two calls."""
    before, after = all_tags(aws, old), all_tags(aws, new)
    if gone := [key for key in before if key not in after]:
        remove(**subject, TagKeys=gone)
    if changed := {key: value for key, value in after.items() if before.get(key) != value}:
        add(**subject, Tags=as_pairs(changed))
