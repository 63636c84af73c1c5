"""What an interrupted creation may have left in Elastic Load Balancing and Route 53."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from recovery.leftover import Client, Inputs, Leftover, has_tags


def load_balancers(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    elb = client("elbv2")
    for arn in _named(elb, "describe_load_balancers", "LoadBalancer", inputs):
        remove = partial(elb.delete_load_balancer, LoadBalancerArn=arn)
        yield Leftover("load balancer", arn, remove)


def target_groups(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    elb = client("elbv2")
    for arn in _named(elb, "describe_target_groups", "TargetGroup", inputs):
        yield Leftover("target group", arn, partial(elb.delete_target_group, TargetGroupArn=arn))


def listeners(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    """A load balancer, which is in the state, has one listener of a port."""
    elb, balancer = client("elbv2"), inputs["loadBalancerArn"]
    try:
        found = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
    except elb.exceptions.LoadBalancerNotFoundException:
        return
    for arn in [each["ListenerArn"] for each in found if each["Port"] == inputs["port"]]:
        yield Leftover("listener", arn, partial(elb.delete_listener, ListenerArn=arn))


def records(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    """A record has no tags; it is ours where it has exactly the values of the inputs."""
    route53, zone, name = client("route53"), inputs["zoneId"], inputs["name"]
    try:
        page = route53.list_resource_record_sets(
            HostedZoneId=zone, StartRecordName=name, StartRecordType=inputs["type"], MaxItems="1"
        )
    except route53.exceptions.NoSuchHostedZone:
        return
    for found in page["ResourceRecordSets"]:
        same = (found["Name"].rstrip("."), found["Type"]) == (name.rstrip("."), inputs["type"])
        values = [each["Value"] for each in found.get("ResourceRecords", [])]
        if same and sorted(values) == sorted(inputs.get("records") or []):
            remove = partial(delete_record, route53, zone, found)
            # The provider's format of the id.
            yield Leftover("record", f"{zone}_{name}_{inputs['type']}", remove)


def delete_record(route53: Any, zone: str, record: Mapping[str, Any]) -> None:
    change = {"Action": "DELETE", "ResourceRecordSet": record}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [change]})


def _named(elb: Any, operation: str, kind: str, inputs: Inputs) -> Sequence[str]:
    """The ARN of what has the name and the tags of the inputs; the name is unique in a region."""
    missing = getattr(elb.exceptions, f"{kind}NotFoundException")
    try:
        (found,) = getattr(elb, operation)(Names=[inputs["name"]])[f"{kind}s"]
    except missing:
        return ()
    arn: str = found[f"{kind}Arn"]
    (described,) = elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]
    return (arn,) if has_tags(inputs, described["Tags"]) else ()
