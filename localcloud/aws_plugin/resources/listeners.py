"""Listeners of network load balancers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from localcloud.aws_plugin.resources.elb import ElbKind, read_tags, retag_elb, tag_request
from localcloud.aws_plugin.resources.kind import (
    Inputs,
    names,
    properties,
    renamed,
    selected,
)
from localcloud.aws_plugin.session import Session
from localcloud.aws_plugin.values import Values

IDLE = "tcp.idle_timeout.seconds"
ACTION = names("type targetGroupArn")


class Listener(ElbKind):
    token = "aws:lb/listener:Listener"
    inputs = properties("loadBalancerArn port protocol defaultActions tcpIdleTimeoutSeconds tags")
    replaces = properties("loadBalancerArn")
    computed = properties("protocol tcpIdleTimeoutSeconds")
    ARGUMENTS = names("loadBalancerArn port protocol")
    CHANGED = names("port protocol")

    def faults(self, inputs: Inputs) -> Iterator[tuple[str, str]]:
        actions = inputs.get("defaultActions")
        if not isinstance(actions, list) or len(actions) != 1:
            yield "defaultActions", "the local cloud supports exactly one default action"
            return
        if isinstance(actions[0], dict):
            for key in sorted(actions[0].keys() - ACTION - {"__defaults"}):
                yield "defaultActions", f"the local cloud does not support {key!r} of an action"

    def create(self, aws: Session, inputs: Inputs) -> str:
        made = aws.client("elbv2").create_listener(
            **renamed(inputs, self.ARGUMENTS), **_actions(inputs), **tag_request(aws, inputs)
        )
        return str(made["Listeners"][0]["ListenerArn"])

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        elbv2 = aws.client("elbv2")
        found = elbv2.describe_listeners(ListenerArns=[id_])["Listeners"][0]
        listed = elbv2.describe_listener_attributes(ListenerArn=id_)["Attributes"]
        idle = {each["Key"]: each["Value"] for each in listed}.get(IDLE)
        return {
            **selected(found, names("loadBalancerArn port protocol", arn="ListenerArn")),
            "defaultActions": [selected(each, ACTION) for each in found["DefaultActions"]],
            "tcpIdleTimeoutSeconds": int(idle) if idle else None,
            **read_tags(aws, id_),
        }

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        retag_elb(aws, id_, old, new)
        changed = {key: new[key] for key in self.CHANGED if new.get(key) != old.get(key)}
        if changed or new["defaultActions"] != old["defaultActions"]:
            aws.client("elbv2").modify_listener(
                ListenerArn=id_, **renamed(changed, self.CHANGED), **_actions(new)
            )
        self.set_attributes(aws, id_, old, new)

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        aws.client("elbv2").delete_listener(ListenerArn=id_)

    def set_attributes(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        wanted = new.get("tcpIdleTimeoutSeconds")
        if wanted is not None and wanted != old.get("tcpIdleTimeoutSeconds"):
            aws.client("elbv2").modify_listener_attributes(
                ListenerArn=id_, Attributes=[{"Key": IDLE, "Value": str(int(wanted))}]
            )


def _actions(inputs: Inputs) -> dict[str, Any]:
    return {"DefaultActions": [renamed(each, ACTION) for each in inputs["defaultActions"]]}
