"""The expired load balancers and target groups, and the records that led to expired servers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from recovery import endpoint_searches, refusals
from recovery.expired import EXPIRES, RECORD, Expired, Owner, Scope, done, text_of
from recovery.leftover import Client, filters, pages

# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html
_ARNS_OF_A_CALL = 20


def load_balancers(client: Client, scope: Scope) -> Iterator[Expired]:
    """Its listeners go with it."""
    elb = client("elbv2")
    for owner, arn, found in _owned(elb, scope, "LoadBalancer"):
        yield Expired(
            what="load balancer",
            id=arn,
            owner=owner,
            remove=done(elb.delete_load_balancer, LoadBalancerArn=arn),
            since=text_of(found.get("CreatedTime")),
        )


def target_groups(client: Client, scope: Scope) -> Iterator[Expired]:
    elb = client("elbv2")
    for owner, arn, _ in _owned(elb, scope, "TargetGroup"):
        remove = done(elb.delete_target_group, TargetGroupArn=arn)
        yield Expired(what="target group", id=arn, owner=owner, remove=remove)


def _owned(elb: Any, scope: Scope, kind: str) -> Iterator[tuple[Owner, str, Mapping[str, Any]]]:
    """What expired of a kind, by its tags, which are in a call of their own."""
    words = {"LoadBalancer": "load_balancers", "TargetGroup": "target_groups"}[kind]
    listed = elb.get_paginator(f"describe_{words}").paginate()
    found = {each[f"{kind}Arn"]: each for page in listed for each in page[f"{kind}s"]}
    arns = list(found)
    for first in range(0, len(arns), _ARNS_OF_A_CALL):
        some = arns[first : first + _ARNS_OF_A_CALL]
        for each in _tags(elb, scope, some):
            arn = each["ResourceArn"]
            if owner := scope.owner(arn, each["Tags"], arn.split(":")[4]):
                yield owner, arn, found[arn]


def _tags(elb: Any, scope: Scope, arns: Sequence[str]) -> list[Mapping[str, Any]]:
    """Of all in one call, or one by one where one of them is gone meanwhile, or denied."""
    try:
        return list(elb.describe_tags(ResourceArns=arns)["TagDescriptions"])
    except ClientError as error:
        if not refusals.is_of_one_resource(error):
            raise
    answers = [refusals.read(scope, arn, elb.describe_tags, ResourceArns=[arn]) for arn in arns]
    return [each for answer in answers for each in (answer["TagDescriptions"] if answer else ())]


def records(client: Client, scope: Scope) -> Iterator[Expired]:
    """
    A record has no tags. The addresses of its servers name it, and it is theirs where it leads to
    nothing but them; else it is kept.
    """
    route53 = client("route53")
    for (owner, record), addresses in _named_records(client("ec2"), scope).items():
        zone, _, name = record.partition("/")
        for found in _records(route53, zone, name):
            values = {each["Value"] for each in found.get("ResourceRecords", [])}
            others = ", ".join(sorted(values - addresses)) if values else "an alias"
            remove = done(endpoint_searches.delete_record, route53=route53, zone=zone, record=found)
            yield Expired(
                what="record",
                id=f"{name} in {zone}",
                owner=owner,
                remove=remove,
                kept=f"leads to {others}, which is not of this cluster; kept" if others else "",
            )


def _named_records(ec2: Any, scope: Scope) -> Mapping[tuple[Owner, str], set[str]]:
    """The addresses behind each record that the tags of expired ones name."""
    found: dict[tuple[Owner, str], set[str]] = defaultdict(set)
    tagged = filters(**{"tag-key": [EXPIRES]})
    for each in pages(ec2, "describe_network_interfaces", "NetworkInterfaces", tagged):
        owner = scope.owner(each["NetworkInterfaceId"], each.get("TagSet"), each.get("OwnerId"))
        _add(found, owner, each.get("TagSet") or (), each.get("PrivateIpAddress"))
    for each in ec2.describe_addresses(Filters=tagged)["Addresses"]:
        owner = scope.owner(each["AllocationId"], each.get("Tags"))
        _add(found, owner, each.get("Tags") or (), each.get("PublicIp"))
    return found


def _add(
    found: dict[tuple[Owner, str], set[str]], owner: Owner | None, pairs: Any, address: str | None
) -> None:
    record = next((each["Value"] for each in pairs if each["Key"] == RECORD), None)
    if owner and record and address:
        found[owner, record].add(address)


def _records(route53: Any, zone: str, name: str) -> list[Mapping[str, Any]]:
    try:
        page = route53.list_resource_record_sets(
            HostedZoneId=zone, StartRecordName=name, StartRecordType="A", MaxItems="1"
        )
    except route53.exceptions.NoSuchHostedZone:
        return []
    return [
        each
        for each in page["ResourceRecordSets"]
        if (each["Name"].rstrip("."), each["Type"]) == (name.rstrip("."), "A")
    ]
