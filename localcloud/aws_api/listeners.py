"""Listeners of network load balancers: what they forward to, and what is refused."""

from __future__ import annotations

from typing import Any

from localcloud.aws_api.network_load_balancers import associate, error, is_network
from localcloud.aws_api.wrapping import Given, Original, wrap

IDLE = "tcp.idle_timeout.seconds"
IDLE_SECONDS = range(60, 6001)


def install() -> None:
    """Makes moto's listeners of network load balancers behave as AWS's."""
    from moto.elbv2.models import ELBv2Backend as Backend

    wrap(Backend, "create_listener", _create)
    wrap(Backend, "modify_listener", _modify)
    wrap(Backend, "modify_listener_attributes", _modify_attributes)
    wrap(Backend, "delete_listener", _then_associate)


def target_groups_of(listener: Any) -> list[str]:
    """The ARNs of the target groups that a listener of moto forwards to."""
    return [arn for action in listener.default_actions for arn in _named(action.data)]


def _create(original: Original, backend: Any, given: Given) -> Any:
    balancer = backend.load_balancers.get(given["load_balancer_arn"])
    if is_network(balancer):
        _require_free_port(balancer, given["port"], None)
        _require(backend, balancer, given["protocol"], given["actions"])
    made = original(backend, **given)
    associate(backend)
    return made


def _modify(original: Original, backend: Any, given: Given) -> Any:
    for balancer in list(backend.load_balancers.values()):
        listener = balancer.listeners.get(given["arn"])
        if listener is not None and is_network(balancer):
            _require_free_port(balancer, given["port"], listener)
            protocol = given["protocol"] or listener.protocol
            _require(backend, balancer, protocol, given["actions"] or [])
    changed = original(backend, **given)
    associate(backend)
    return changed


def _modify_attributes(original: Original, backend: Any, given: Given) -> Any:
    for each in given["attrs"]:
        if each["Key"] != IDLE or int(each["Value"]) not in IDLE_SECONDS:
            raise error(
                "InvalidConfigurationRequest",
                f"Listener attribute {each['Key']}={each['Value']} is not valid: {IDLE} takes 60 "
                "to 6000",
            )
    return original(backend, **given)


def _then_associate(original: Original, backend: Any, given: Given) -> Any:
    done = original(backend, **given)
    associate(backend)
    return done


def _require_free_port(balancer: Any, port: Any, listener: Any) -> None:
    others = [each for each in balancer.listeners.values() if each is not listener]
    if port is not None and any(int(each.port) == int(port) for each in others):
        raise error(
            "DuplicateListener",
            f"A listener already exists on this port for this load balancer '{balancer.arn}'",
        )


def _require(backend: Any, balancer: Any, protocol: str, actions: list[Any]) -> None:
    if protocol != "TCP":
        raise error(
            "UnsupportedProtocol",
            f"The local cloud's network load balancers have listeners of TCP, not {protocol}",
        )
    if any(action["Type"] != "forward" for action in actions):
        raise error(
            "InvalidLoadBalancerAction", "A listener of a Network Load Balancer can only forward"
        )
    for arn in (arn for action in actions for arn in _named(action)):
        if (group := backend.target_groups.get(arn)) is not None:
            _require_group(balancer, group)


def _require_group(balancer: Any, group: Any) -> None:
    if group.protocol != "TCP":
        raise error(
            "IncompatibleProtocols",
            "The protocols of the listener and the target group are incompatible: TCP and "
            f"{group.protocol}",
        )
    if group.vpc_id != balancer.vpc_id:
        raise error(
            "ValidationError",
            f"The target group '{group.arn}' and the load balancer '{balancer.arn}' are in "
            "different VPCs",
        )
    if set(group.load_balancer_arns) - {balancer.arn}:
        raise error(
            "TargetGroupAssociationLimit",
            f"The following target groups cannot be associated with more than one load "
            f"balancer: {group.arn}",
        )


def _named(action: Any) -> list[str]:
    if action.get("TargetGroupArn"):
        return [str(action["TargetGroupArn"])]
    forwarded = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
    return [str(each["TargetGroupArn"]) for each in forwarded]
