"""Rules about machine images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from k3s_policy import user_data
from k3s_policy.record import RECORD, stack_of
from k3s_policy.resource import UNKNOWN, Resource, at, items, printable
from k3s_policy.rule import Finding, NotKnown, Settings, StackRule, Violation, tags

_OF_IMAGES = (
    "aws:ec2/ami:Ami",
    "aws:ec2/amiCopy:AmiCopy",
    "aws:ec2/amiFromInstance:AmiFromInstance",
)
# The letter after the generation is the processor: `g` is AWS Graviton, which is arm64. `a1`,
# `im4gn` and `is4gen` are from before, or have other letters first.
# https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
_ARM = re.compile(r"(?:a1|[a-z]+\d+g[a-z0-9-]*|im4gn|is4gen)\.")
_NAMES = {"arm64": ("arm64", "aarch64"), "x86_64": ("amd64", "x86_64", "x86-64")}


def architecture_of(instance_type: str) -> str:
    """`arm64` or `x86_64`, by the name of the instance type."""
    return "arm64" if _ARM.match(instance_type) else "x86_64"


def _architecture(resources: Sequence[Resource], settings: Settings) -> Iterator[Finding]:
    images = {**_in_bom(resources), **_declared(resources), **settings["images"]}
    for resource in resources:
        for ami, instance_type in _machine(resource):
            if not isinstance(ami, str) or not isinstance(instance_type, str):
                continue
            image, machine = images.get(ami), architecture_of(instance_type)
            if image is not None and image != machine:
                yield Violation(
                    message=f"{instance_type} is {machine}, and its image {printable(ami)} is for "
                    f"{image}\n    take an image or an instance type of the same architecture",
                    urn=resource.urn,
                )


def _machine(resource: Resource) -> Iterator[tuple[object, object]]:
    if resource.type in (user_data.INSTANCE, user_data.SPOT_REQUEST):
        yield resource.at("ami"), resource.at("instanceType")
    elif resource.type in (user_data.LAUNCH_TEMPLATE, user_data.LAUNCH_CONFIGURATION):
        yield resource.at("imageId"), resource.at("instanceType")


def _declared(resources: Sequence[Resource]) -> dict[str, str]:
    """The images that the program itself makes, by id."""
    return {
        str(resource.at("id")): str(resource.at("architecture"))
        for resource in resources
        if resource.type in _OF_IMAGES and resource.at("architecture") in tuple(_NAMES)
    }


def _in_bom(resources: Sequence[Resource]) -> dict[str, str]:
    """The images of the output `bom`, by the architecture in their names."""
    found: dict[str, str] = {}
    for image in items(stack_of(resources).at("bom", "images")):
        name = str(at(image, "name")).lower()
        for architecture, words in _NAMES.items():
            if any(word in name for word in words):
                found[str(at(image, "id"))] = architecture
    return found


def _generation(resources: Sequence[Resource], settings: Settings) -> Iterator[Finding]:
    stack = stack_of(resources)
    record = stack.at(RECORD)
    if record is UNKNOWN:
        yield NotKnown(RECORD)
    for pool in items(at(record, "pools")):
        keys = at(pool, "keys")
        if not isinstance(keys, Mapping):
            continue
        own = [str(key) for key in keys if str(key).endswith(".image.id") and keys[key]]
        for key in own:
            if keys.get(key.removesuffix(".id") + ".generation", 1) == 1:
                yield Violation(
                    message=f"pool {printable(str(at(pool, 'name')))}: its image "
                    f"{printable(str(keys[key]))} is of your own and has no generation\n"
                    "    number its builds with image.generation, from 2, so that the record and "
                    "the review of a change say which build a machine runs",
                    urn=stack.urn or None,
                )


RULES = (
    StackRule(
        name="architecture-of-image",
        description="Instance type and image have the same architecture",
        level="mandatory",
        severity="medium",
        why="EC2 refuses the instance in the middle of an update",
        source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ComponentsAMIs.html",
        settings={"images": tags("Architecture (arm64 or x86_64) of images by their ids.")},
        check=_architecture,
    ),
    StackRule(
        name="own-image-has-generation",
        description="An image of one's own has a generation",
        level="advisory",
        severity="low",
        why="an id alone does not say which build of the image a machine has",
        source="docs/configuration.md#clusterimage",
        check=_generation,
    ),
)
