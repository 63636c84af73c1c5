"""Rules about tags: whose a resource is, and until when."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from k3s_policy import user_data
from k3s_policy.resource import UNKNOWN, Resource, at, printable
from k3s_policy.rule import Finding, Settings, StackRule, Violation, strings

# What costs money for as long as it is there.
_COSTLY = (
    user_data.INSTANCE,
    user_data.SPOT_REQUEST,
    "aws:ebs/volume:Volume",
    "aws:ec2/eip:Eip",
    "aws:ec2/natGateway:NatGateway",
    "aws:lb/loadBalancer:LoadBalancer",
    # The same by its older name.
    "aws:alb/loadBalancer:LoadBalancer",
)
_LISTED = 5


def _tagged(
    resources: Sequence[Resource], settings: Settings, *, what: str, fix: str
) -> Iterator[Finding]:
    wanted = {each.lower() for each in settings["keys"]}
    lacking = [
        each
        for each in sorted(resources, key=lambda each: each.urn)
        if each.type in settings["types"] and not _has_one(each, wanted)
    ]
    if lacking:
        named = [f"{each.type.rpartition(':')[2]} {printable(each.name)}" for each in lacking]
        more = f" and {len(named) - _LISTED} more" if len(named) > _LISTED else ""
        # One message for all: a cluster has many resources, and one configuration.
        yield Violation(
            message=f"no tag has {what} (one of {', '.join(settings['keys'])}): "
            f"{', '.join(named[:_LISTED])}{more}\n    {fix}",
            urn=lacking[0].urn,
        )


def _has_one(resource: Resource, wanted: set[str]) -> bool:
    """Whether one of the tags is there and not empty, or the tags are not known yet."""
    for found in (resource.at("tags"), resource.at("tagsAll"), _default_tags(resource.provider)):
        if found is UNKNOWN:
            return True
        if isinstance(found, Mapping):
            for key, value in found.items():
                if str(key).lower() in wanted and value not in ("", None):
                    return True
    return False


def _default_tags(provider: Mapping[str, Any]) -> Any:
    """The tags that the provider puts on everything; a provider has what is no string as JSON."""
    found = provider.get("defaultTags")
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except ValueError:
            return None
    return at(found, "tags")


_TYPES = strings(
    _COSTLY,
    "Types of resources with the tag: instances, spot requests, volumes, Elastic IPs, NAT "
    "gateways and load balancers.",
    # As the engine has them; of another form no resource would be found.
    pattern="^aws:[a-z0-9]+/[a-z][A-Za-z0-9]*:[A-Z][A-Za-z0-9]*$",
)

RULES = (
    StackRule(
        name="owner-tag",
        description="What costs money has a tag with its owner",
        level="advisory",
        severity="low",
        why="nobody can be asked before it is deleted, so it stays",
        source="https://docs.aws.amazon.com/whitepapers/latest/tagging-best-practices/tagging-best-practices.html",
        settings={
            "keys": strings(["k3s-aws:owner", "owner"], "One of these tags, in any case."),
            "types": _TYPES,
        },
        check=partial(_tagged, what="the owner", fix="set cluster.owner, or such a tag"),
    ),
    StackRule(
        name="expiry-tag",
        description="What costs money has a tag with its end",
        level="advisory",
        severity="low",
        why="a cluster of a pull request whose pipeline died costs money until someone sees it",
        source="docs/configuration.md#cluster",
        settings={
            "keys": strings(
                ["k3s-aws:expires", "k3s-aws:expiry", "expires", "expiry"],
                "One of these tags, in any case.",
            ),
            "types": _TYPES,
        },
        check=partial(
            _tagged,
            what="the end",
            fix="set cluster.expiry, or such a tag; disable this rule for what has no end",
        ),
    ),
)
