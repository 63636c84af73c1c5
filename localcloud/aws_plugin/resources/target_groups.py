"""Target groups of network load balancers, and the targets in them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import botocore.exceptions

from localcloud.aws_plugin.resources.elb import (
    ElbKind,
    faults_in_name,
    read_tags,
    retag_elb,
    tag_request,
)
from localcloud.aws_plugin.resources.kind import (
    Inputs,
    Kind,
    names,
    properties,
    renamed,
    selected,
)
from localcloud.aws_plugin.session import Session
from localcloud.aws_plugin.values import Values

REGISTER_SECONDS = 600.0
CHECK = names(
    "",
    enabled="HealthCheckEnabled",
    healthyThreshold="HealthyThresholdCount",
    interval="HealthCheckIntervalSeconds",
    path="HealthCheckPath",
    port="HealthCheckPort",
    protocol="HealthCheckProtocol",
    timeout="HealthCheckTimeoutSeconds",
    unhealthyThreshold="UnhealthyThresholdCount",
)
# Of a health check that is given: Terraform's defaults, which are not those of the API.
# https://github.com/hashicorp/terraform-provider-aws/blob/v6.0.0/internal/service/elbv2/target_group.go
CHECK_DEFAULTS = {
    "enabled": True,
    "healthyThreshold": 3,
    "interval": 30,
    "port": "traffic-port",
    "protocol": "HTTP",
    "unhealthyThreshold": 3,
}
ENDS_UNHEALTHY = "target_health_state.unhealthy.connection_termination.enabled"
ATTRIBUTES = {
    "deregistrationDelay": "deregistration_delay.timeout_seconds",
    "connectionTermination": "deregistration_delay.connection_termination.enabled",
    "preserveClientIp": "preserve_client_ip.enabled",
    "loadBalancingCrossZoneEnabled": "load_balancing.cross_zone.enabled",
}
"""Inputs that are attributes of a target group."""
DELAY_SECONDS = 300
GONE = ("Target.DeregistrationInProgress", "Target.NotRegistered")


class TargetGroup(ElbKind):
    token = "aws:lb/targetGroup:TargetGroup"
    inputs = properties(
        "name port protocol vpcId targetType ipAddressType healthCheck deregistrationDelay "
        "connectionTermination preserveClientIp loadBalancingCrossZoneEnabled "
        "targetHealthStates tags"
    )
    replaces = properties("name port protocol vpcId targetType ipAddressType")
    computed = properties(
        "connectionTermination healthCheck ipAddressType loadBalancingCrossZoneEnabled "
        "preserveClientIp targetHealthStates healthCheck.matcher healthCheck.path "
        "healthCheck.timeout"
    )
    named = "name"
    ARGUMENTS = names("name port protocol vpcId targetType ipAddressType")
    OUTPUTS = names(
        "port protocol vpcId targetType ipAddressType loadBalancerArns",
        name="TargetGroupName",
        arn="TargetGroupArn",
    )

    def faults(self, inputs: Inputs) -> Iterator[tuple[str, str]]:
        yield from faults_in_name(inputs.get("name"))
        for key in ("port", "protocol", "vpcId"):
            if inputs.get(key) is None:
                yield key, f"{key} must be specified when targetType is not lambda"
        check = inputs.get("healthCheck")
        if isinstance(check, Mapping):
            for key in sorted(check.keys() - CHECK - {"matcher", "__defaults"}):
                yield f"healthCheck.{key}", f"healthCheck has no property {key!r}"
            for key in ("matcher", "path"):
                if check.get("protocol") == "TCP" and check.get(key):
                    yield f"healthCheck.{key}", f"{key} cannot be specified when protocol is TCP"

    def create(self, aws: Session, inputs: Inputs) -> str:
        made = aws.client("elbv2").create_target_group(
            **renamed(inputs, self.ARGUMENTS), **_check(inputs), **tag_request(aws, inputs)
        )
        return str(made["TargetGroups"][0]["TargetGroupArn"])

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        elbv2 = aws.client("elbv2")
        found = elbv2.describe_target_groups(TargetGroupArns=[id_])["TargetGroups"][0]
        listed = elbv2.describe_target_group_attributes(TargetGroupArn=id_)["Attributes"]
        attributes = {each["Key"]: each["Value"] for each in listed}
        check = {
            **selected(found, CHECK),
            "matcher": (found.get("Matcher") or {}).get("HttpCode"),
        }
        given = known.get("healthCheck")
        return {
            **selected(found, self.OUTPUTS),
            "arnSuffix": id_.rpartition(":")[2],
            "healthCheck": {key: check[key] for key in given} if given else check,
            **{key: attributes.get(name) for key, name in ATTRIBUTES.items()},
            "deregistrationDelay": int(attributes[ATTRIBUTES["deregistrationDelay"]]),
            "connectionTermination": attributes[ATTRIBUTES["connectionTermination"]] == "true",
            "targetHealthStates": _health_states(attributes, known),
            **read_tags(aws, id_),
        }

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        retag_elb(aws, id_, old, new)
        if new.get("healthCheck") and new["healthCheck"] != old.get("healthCheck"):
            aws.client("elbv2").modify_target_group(TargetGroupArn=id_, **_check(new))
        self.set_attributes(aws, id_, old, new)

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        aws.client("elbv2").delete_target_group(TargetGroupArn=id_)

    def set_attributes(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        before, after = _attributes(old), _attributes(new)
        changed = [
            {"Key": key, "Value": value} for key, value in after.items() if before.get(key) != value
        ]
        if changed:
            aws.client("elbv2").modify_target_group_attributes(
                TargetGroupArn=id_, Attributes=changed
            )


class TargetGroupAttachment(Kind):
    token = "aws:lb/targetGroupAttachment:TargetGroupAttachment"
    inputs = properties("targetGroupArn targetId port availabilityZone")
    replaces = inputs
    TARGET = names("port availabilityZone", targetId="Id")

    def create(self, aws: Session, inputs: Inputs) -> str:
        def refusal() -> str | None:
            try:
                aws.client("elbv2").register_targets(**self._request(inputs))
            except botocore.exceptions.ClientError as error:
                if error.response["Error"]["Code"] != "InvalidTarget":
                    raise
                return str(error.response["Error"]["Message"])
            return None

        # An instance may not run yet; the real plugin retries too.
        aws.wait(f"target {inputs['targetId']}", REGISTER_SECONDS, refusal)
        return f"{inputs['targetGroupArn']}-{time.time_ns()}"

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        found = aws.client("elbv2").describe_target_health(**self._request(known))
        (described,) = found["TargetHealthDescriptions"]
        if described["TargetHealth"].get("Reason") in GONE:
            return None
        return {key: known[key] for key in self.inputs if known.get(key) is not None}

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        aws.client("elbv2").deregister_targets(**self._request(known))

    def _request(self, inputs: Inputs) -> dict[str, Any]:
        return {
            "TargetGroupArn": inputs["targetGroupArn"],
            "Targets": [renamed(inputs, self.TARGET)],
        }


def _check(inputs: Inputs) -> dict[str, Any]:
    """The health check in the API's arguments; nothing where none is given."""
    if not (given := inputs.get("healthCheck")):
        return {}
    request = renamed({**CHECK_DEFAULTS, **given}, CHECK)
    return (
        {**request, "Matcher": {"HttpCode": given["matcher"]}} if given.get("matcher") else request
    )


def _attributes(inputs: Inputs) -> dict[str, str]:
    """The attributes that the inputs set, under the names of the API."""
    given = {"deregistrationDelay": DELAY_SECONDS, **inputs}
    found = {
        name: str(given[key]).lower() if isinstance(given[key], bool) else str(given[key])
        for key, name in ATTRIBUTES.items()
        if given.get(key) is not None
    }
    for state in inputs.get("targetHealthStates") or []:
        found[ENDS_UNHEALTHY] = str(state["enableUnhealthyConnectionTermination"]).lower()
    return found


def _health_states(attributes: Mapping[str, str], known: Inputs) -> list[Values]:
    state: Values = {"enableUnhealthyConnectionTermination": attributes[ENDS_UNHEALTHY] == "true"}
    interval = "target_health_state.unhealthy.draining_interval_seconds"
    state["unhealthyDrainingInterval"] = int(attributes[interval])
    given = (known.get("targetHealthStates") or [None])[0]
    return [{key: state[key] for key in given} if given else state]
