"""Target groups of network load balancers: their health checks and attributes."""

from __future__ import annotations

import re
from typing import Any

from localcloud.aws_api.network_load_balancers import error
from localcloud.aws_api.wrapping import Given, Original, wrap

DELAY = "deregistration_delay.timeout_seconds"
ENDS_DRAINED = "deregistration_delay.connection_termination.enabled"
ENDS_UNHEALTHY = "target_health_state.unhealthy.connection_termination.enabled"
PRESERVES = "preserve_client_ip.enabled"
CROSS_ZONE = "load_balancing.cross_zone.enabled"
ATTRIBUTES = {
    DELAY: "300",
    ENDS_DRAINED: "false",
    CROSS_ZONE: "use_load_balancer_configuration",
    PRESERVES: "true",
    "proxy_protocol_v2.enabled": "false",
    "stickiness.enabled": "false",
    "stickiness.type": "source_ip",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
    ENDS_UNHEALTHY: "true",
    "target_health_state.unhealthy.draining_interval_seconds": "0",
}
"""Those of a TCP target group, with their defaults; client addresses are kept for instances."""
CHANGEABLE = {
    DELAY: re.compile(r"\d{1,3}|[12]\d{3}|3[0-5]\d{2}|3600"),
    ENDS_DRAINED: re.compile("true|false"),
    ENDS_UNHEALTHY: re.compile("true|false"),
    PRESERVES: re.compile("true|false"),
    CROSS_ZONE: re.compile("true|false|use_load_balancer_configuration"),
}
"""Those that the local cloud follows."""
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
RANGES = {
    "HealthCheckIntervalSeconds": range(5, 301),
    "HealthCheckTimeoutSeconds": range(2, 121),
    "HealthyThresholdCount": range(2, 11),
    "UnhealthyThresholdCount": range(2, 11),
}
TIMEOUTS = {"TCP": 10, "HTTP": 6, "HTTPS": 10}
CODES = re.compile(r"[2-5]\d\d(-[2-5]\d\d)?(,[2-5]\d\d(-[2-5]\d\d)?)*")
PORT = re.compile(r"traffic-port|[1-9]\d{0,4}")


def install() -> None:
    """Makes moto's TCP target groups behave as AWS's."""
    from moto.elbv2.models import ELBv2Backend as Backend

    wrap(Backend, "create_target_group", _create)
    wrap(Backend, "modify_target_group", _modify)
    wrap(Backend, "modify_target_group_attributes", _modify_attributes)


def _create(original: Original, backend: Any, given: Given) -> Any:
    if given.get("protocol") != "TCP" or given.get("target_type") not in ("instance", "ip"):
        return original(backend, **given)
    protocol = given.get("healthcheck_protocol") or "TCP"
    _require(
        {
            "HealthCheckProtocol": protocol,
            "HealthCheckPort": given.get("healthcheck_port"),
            "HealthCheckEnabled": given.get("healthcheck_enabled"),
            "HealthCheckIntervalSeconds": given.get("healthcheck_interval_seconds"),
            "HealthCheckTimeoutSeconds": given.get("healthcheck_timeout_seconds"),
            "HealthyThresholdCount": given.get("healthy_threshold_count"),
            "UnhealthyThresholdCount": given.get("unhealthy_threshold_count"),
            "HealthCheckPath": given.get("healthcheck_path"),
            "Matcher": (given.get("matcher") or {}).get("HttpCode"),
        }
    )
    timeout = given.get("healthcheck_timeout_seconds") or TIMEOUTS[protocol]
    group = original(backend, **{**given, "healthcheck_timeout_seconds": timeout})
    group.attributes = {
        **ATTRIBUTES,
        PRESERVES: "false" if group.target_type == "ip" else "true",
    }
    if protocol != "TCP":
        group.health_check_path = group.health_check_path or "/"
        group.matcher = given.get("matcher") or {"HttpCode": "200-399"}
    return group


def _modify(original: Original, backend: Any, given: Given) -> Any:
    group = backend.target_groups.get(given["arn"])
    if group is None or group.protocol != "TCP":
        return original(backend, **given)
    protocol = given["health_check_proto"] or group.health_check_protocol
    interval = given["health_check_interval"] or group.health_check_interval_seconds
    timeout = given["health_check_timeout"] or group.health_check_timeout_seconds
    _require(
        {
            "HealthCheckProtocol": protocol,
            "HealthCheckPort": given["health_check_port"],
            "HealthCheckEnabled": given["health_check_enabled"],
            "HealthCheckIntervalSeconds": interval,
            "HealthCheckTimeoutSeconds": timeout,
            "HealthyThresholdCount": given["healthy_threshold_count"],
            "UnhealthyThresholdCount": given["unhealthy_threshold_count"],
            "HealthCheckPath": given["health_check_path"],
            "Matcher": given["http_codes"],
        }
    )
    # Always on for these target types.
    group = original(backend, **{**given, "health_check_enabled": None})
    if protocol == "TCP":
        group.health_check_path = group.matcher = None
        return group
    group.health_check_path = given["health_check_path"] or group.health_check_path or "/"
    before = getattr(group, "matcher", None) or {"HttpCode": "200-399"}
    group.matcher = {"HttpCode": given["http_codes"]} if given["http_codes"] else before
    return group


def _require(check: dict[str, Any]) -> None:
    """Refuses a health check that AWS refuses for a TCP target group."""
    for name, allowed in RANGES.items():
        if check[name] is not None and int(check[name]) not in allowed:
            raise _invalid(f"{name} '{check[name]}' must be {allowed[0]} to {allowed[-1]}")
    protocol, path, codes = check["HealthCheckProtocol"], check["HealthCheckPath"], check["Matcher"]
    if protocol not in TIMEOUTS:
        raise _invalid(f"Health check protocol '{protocol}' must be TCP, HTTP or HTTPS")
    if str(check["HealthCheckEnabled"]).lower() == "false":
        raise _invalid("Health checks cannot be disabled for target types instance and ip")
    if check["HealthCheckPort"] and not PORT.fullmatch(str(check["HealthCheckPort"])):
        raise _invalid("Health check port must be a port or 'traffic-port'")
    if protocol == "TCP" and (path or codes):
        raise _invalid("Health check path and matcher cannot be specified for protocol TCP")
    if path and not path.startswith("/"):
        raise _invalid(f"Health check path '{path}' must begin with a '/'")
    if codes and not CODES.fullmatch(codes):
        raise _invalid(f"Matcher '{codes}' must have codes from 200 to 599, such as 200,204 or 2xx")
    interval = check["HealthCheckIntervalSeconds"] or 30
    timeout = check["HealthCheckTimeoutSeconds"] or TIMEOUTS[protocol]
    if int(timeout) > int(interval):
        raise _invalid(
            f"Health check timeout '{timeout}' must be smaller than or equal to the interval "
            f"'{interval}'"
        )


def _modify_attributes(original: Original, backend: Any, given: Given) -> Any:
    group = backend.target_groups.get(given["target_group_arn"])
    if group is None or group.protocol != "TCP":
        return original(backend, **given)
    for key, value in given["attributes"].items():
        if key not in ATTRIBUTES:
            raise _invalid(f"Target group attribute key '{key}' is not recognized")
        followed = CHANGEABLE.get(key, re.compile(re.escape(ATTRIBUTES[key])))
        if not followed.fullmatch(value):
            raise error(
                "InvalidConfigurationRequest",
                f"Target group attribute {key}={value} is not valid, or not supported by the "
                f"local cloud; it takes {followed.pattern}",
            )
    group.attributes.update(given["attributes"])
    return None


def _invalid(message: str) -> Exception:
    return error("ValidationError", message)
