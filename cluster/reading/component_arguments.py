"""
Checks the arguments of Kubernetes' components: the values of `kubelet-arg` and the keys like it.

k3s reads them in pkg/util/args.go: `name=value`, where `name` alone stands for `name=true`, and a
plus or minus behind the name puts the value after or before k3s's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cluster.errors import Kind
from cluster.k3s_flags import components
from cluster.reading import checks, component_table, component_values
from cluster.reading.faults import Fault, quoted, suggestion

SUFFIX = "-arg"
_NODE_RESTRICTION = "NodeRestriction"

# What Go's strconv.ParseBool, ParseInt, ParseFloat and time.ParseDuration take.
_BOOLEANS = ("true", "false", "True", "False", "TRUE", "FALSE", "t", "f", "T", "F", "1", "0")
# Go takes digits behind a zero for octal ones, and no more than 64 bits.
INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"[+-]?([0-9]{1,18}\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?")
# Go counts nanoseconds in 64 bits, which is 292 years; no component takes a negative duration.
DURATION = re.compile(
    r"\+?(0|([0-9]{1,18}ns|[0-9]{1,15}[uµμ]s|[0-9]{1,12}ms|[0-9]{1,9}s|[0-9]{1,7}m|[0-9]{1,6}h"
    r"|([0-9]{0,6}\.[0-9]+|[0-9]{1,6}\.)(ns|[uµμ]s|ms|s|m|h))+)"
)
_PORTS = re.compile(r"[0-9]{1,5}([-+][0-9]{1,5})?")


@dataclass(frozen=True)
class Argument:
    """One argument, as the component reads it; `value` is None where only a name is given."""

    component: str
    name: str
    value: str | None
    adds: bool = False
    """Whether it stands beside k3s's own value, and not in its place."""


def parse(key: str, text: str) -> Argument:
    """The argument of a k3s key such as `kubelet-arg`."""
    name, equals, value = text.partition("=")
    # The components read an underscore as a hyphen.
    bare = name.rstrip("+-").replace("_", "-")
    component = key.removesuffix(SUFFIX)
    return Argument(component, bare, value if equals else None, adds=name.endswith(("+", "-")))


def faults(key: str, values: Sequence[str], minor: str) -> Iterator[Fault]:
    """What is wrong with the arguments of a k3s key; `minor` is that of k3s."""
    for text in values:
        fault = _fault(key, text, minor)
        if fault:
            yield fault


def _fault(key: str, text: str, minor: str) -> Fault | None:
    if text.startswith("-"):
        return Fault(f"{quoted(text)} begins with a hyphen", "write name=value without hyphens")
    argument = parse(key, text)
    if re.search(r"\s", text.partition("=")[0].strip()):
        return Fault(f"{quoted(text)} has a blank in its name", "write name=value")
    return (
        _owned(argument)
        or _secret(argument)
        or _unknown(argument, minor)
        or _wrong_value(argument)
        or _admission(argument)
    )


def _owned(argument: Argument) -> Fault | None:
    fix = component_table.owned(argument.component, argument.name)
    if fix is None:
        return None
    return Fault(f"{argument.name} is set by the program or k3s", fix, Kind.FORBIDDEN)


def _secret(argument: Argument) -> Fault | None:
    if argument.name not in component_table.SECRET:
        return None
    what = f"{argument.name} is a secret and would be readable in user data and state"
    return Fault(what, "remove it", Kind.SECRET)


def _unknown(argument: Argument, minor: str) -> Fault | None:
    known = components.flags_of(argument.component)
    if not known or argument.name in known:
        return None
    what = f"{quoted(argument.name)} is not an argument of {argument.component}"
    if components.is_listed(minor):
        fix = suggestion(argument.name, known, f"see {argument.component} --help", cutoff=0.8)
        return Fault(f"{what}, which does not start with it", fix, Kind.UNKNOWN_KEY)
    fix = f"see whether {argument.component} of Kubernetes {minor} has it"
    return Fault(f"{what} of the listed version", fix, Kind.WARNING)


def _wrong_value(argument: Argument) -> Fault | None:
    kind = components.flags_of(argument.component).get(argument.name)
    name, value = argument.name, argument.value
    if value is None:
        if kind in (None, "boolean"):
            return None
        return Fault(f"{quoted(name)} has no value", f"write {name}=value")
    expected = _EXPECTED.get(kind or "string")
    if expected is None or _is_a(kind or "string", value):
        return component_values.fault(argument.component, name, value)
    plain = value.lstrip("0")
    fix = f"write {name}={plain if plain and _is_a(kind or 'string', plain) else 'value'}"
    return Fault(f"{name} must be {expected}, found {quoted(value)}", fix)


_EXPECTED: Mapping[str, str] = {
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "duration": 'a duration such as "10m"',
    "address": "an IPv4 address",
    "ports": 'a range of ports such as "30000-32767"',
}


def _is_a(kind: str, value: str) -> bool:
    if kind == "boolean":
        return value in _BOOLEANS
    if kind == "address":
        return checks.is_address(value)
    patterns = {"integer": INTEGER, "number": _NUMBER, "duration": DURATION, "ports": _PORTS}
    return bool(patterns[kind].fullmatch(value))


def _admission(argument: Argument) -> Fault | None:
    """Without NodeRestriction a node may change the labels and taints of every other one."""
    plugins = [each.strip() for each in (argument.value or "").split(",")]
    fix = "leave NodeRestriction on: without it a machine may change every Node"
    if argument.component != "kube-apiserver":
        return None
    if argument.name in ("enable-admission-plugins", "admission-control"):
        if argument.adds or _NODE_RESTRICTION in plugins:
            return None
        fix = f"{fix}; enable-admission-plugins+=Name adds to it"
        return Fault(f"{argument.name} switches {_NODE_RESTRICTION} off", fix, Kind.FORBIDDEN)
    if argument.name == "disable-admission-plugins" and _NODE_RESTRICTION in plugins:
        return Fault(f"{argument.name} switches {_NODE_RESTRICTION} off", fix, Kind.FORBIDDEN)
    return None
