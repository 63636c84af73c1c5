"""
The rules as a policy pack: the only module that imports pulumi_policy.

https://www.pulumi.com/docs/insights/policy/policy-packs/authoring/
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from k3s_policy.resource import UNKNOWN, Resource
from k3s_policy.rule import Finding, NotKnown, ResourceRule, Rule, StackRule, Violation
from k3s_policy.rules import RULES

NAME = "k3s-aws"
_PARENT_CHECK_SECONDS = 2


def start() -> None:
    """Serves the pack until the engine ends it, or is gone itself."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    PolicyPack(
        name=NAME,
        policies=[_policy(rule) for rule in RULES],
        enforcement_level=EnforcementLevel.ADVISORY,
    )


def _end_with(parent: int) -> None:
    """Ends this process when its parent has: an engine that was killed ends no plugin."""
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_SECONDS)
    # The server of the SDK has no end of its own.
    os._exit(1)


def _policy(rule: Rule) -> Policy:
    about: dict[str, Any] = {
        "name": rule.name,
        "description": rule.description,
        "enforcement_level": EnforcementLevel(rule.level),
        "severity": Severity(rule.severity),
        "config_schema": PolicyConfigSchema(
            {name: each.json_schema for name, each in rule.settings.items()}
        )
        if rule.settings
        else None,
    }
    if isinstance(rule, ResourceRule):
        return ResourceValidationPolicy(validate=_of_resource(rule), **about)
    assert isinstance(rule, StackRule)  # noqa: S101 - there are two kinds
    return StackValidationPolicy(validate=_of_stack(rule), **about)


def _of_resource(rule: ResourceRule) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        # First, so that a setting that is misspelt is refused whatever the program has.
        settings = rule.complete(args.get_config())
        if args.resource_type not in rule.types:
            return
        resource = Resource(
            type=args.resource_type,
            name=args.name,
            urn=args.urn,
            properties=plain(args.props),
            provider=plain(args.provider.props) if args.provider else {},
        )
        _report(rule.check(resource, settings), args, report)

    return validate


def _of_stack(rule: StackRule) -> Callable[[StackValidationArgs, ReportViolation], None]:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        resources = [
            Resource(
                type=each.resource_type,
                name=each.name,
                urn=each.urn,
                properties=plain(each.props),
                provider=plain(each.provider.props) if each.provider else {},
                related={
                    key: [one.urn for one in ones]
                    for key, ones in each.property_dependencies.items()
                },
            )
            for each in args.resources
        ]
        _report(rule.check(resources, rule.complete(args.get_config())), args, report)

    return validate


def _report(
    findings: Iterator[Finding],
    args: ResourceValidationArgs | StackValidationArgs,
    report: ReportViolation,
) -> None:
    """Reports the violations; without one, what could not be examined, if anything."""
    found = list(findings)
    for each in found:
        if isinstance(each, Violation):
            report(each.message, each.urn)
    not_known = sorted({each.path for each in found if isinstance(each, NotKnown)})
    if not_known:
        # Raises: the engine then has the reason in its summary of the policies.
        args.not_applicable(
            f"{', '.join(not_known)}: not known before the update, which examines it"
        )


def plain(value: Any) -> Any:
    """The value without the SDK's guard, which raises where a value is not known."""
    if isinstance(value, Mapping):
        return {key: _or_unknown(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_or_unknown(value, index) for index in range(len(value))]
    return value


def _or_unknown(container: Any, key: Any) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN
