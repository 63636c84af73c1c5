"""
The stack's configuration: the values of the project, each with its problems, all at once.

A value is the text that Pulumi passes, decrypted, and JSON where it is an object. Pulumi marks it
as secret when any part of it is, and not which part.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from cluster import config, overlay
from cluster.errors import ConfigError, Kind, Problem
from cluster.overlay import Merged
from cluster.reading import login_key, registry_auth
from cluster.reading.manifests import ReadFile
from cluster.reading.section import ROOT
from cluster.spec import ClusterSpec

KEYS = (ROOT, overlay.KEY, registry_auth.KEY, login_key.KEY)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class StackValue:
    """A value of the stack's configuration: None when it is not set."""

    text: str | None = field(repr=False)
    is_secret: bool
    """Whether the value, or any value inside of it, is marked as a secret."""


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """What the configuration of a stack describes."""

    spec: ClusterSpec
    merged: Merged
    """What `spec` was read from: where the values of problems that AWS reports are from too."""
    registry_auth: Mapping[str, Any] = field(repr=False)
    login_key: str | None = field(repr=False)


def read(values: Mapping[str, StackValue], *, stack: str, read_file: ReadFile) -> StackConfig:
    """Reads the values by KEYS. Raises ConfigError with the problems of all of them."""
    problems: list[Problem] = []
    auth, key = values[registry_auth.KEY], values[login_key.KEY]
    found_auth = _collect(
        problems,
        lambda: registry_auth.check(parse(registry_auth.KEY, auth), is_secret=auth.is_secret),
    )
    found_key = _collect(problems, lambda: login_key.check(key.text, is_secret=key.is_secret))
    merged = _collect(problems, lambda: _merged(values, stack, read_file))
    spec = _collect(problems, lambda: _spec(merged, stack, read_file)) if merged else None
    if problems or merged is None or spec is None or found_auth is None:
        raise ConfigError(problems)
    return StackConfig(spec=spec, merged=merged, registry_auth=found_auth, login_key=found_key)


def _collect(problems: list[Problem], read_value: Callable[[], T]) -> T | None:
    try:
        return read_value()
    except ConfigError as error:
        problems += error.problems
        return None


def _merged(values: Mapping[str, StackValue], stack: str, read_file: ReadFile) -> Merged:
    """The cluster's configuration, laid over the base where the stack has one."""
    value, file = values[ROOT], values[overlay.KEY].text
    if value.is_secret:
        # Nothing else of it is checked: messages quote values.
        raise ConfigError([_secret_in_cluster(stack)])
    content = parse(ROOT, value)
    if not file:
        return Merged(content)
    base = overlay.read(file, read_file)
    return overlay.lay_over({} if content is None else content, base, file)


def _spec(merged: Merged, stack: str, read_file: ReadFile) -> ClusterSpec:
    with merged.named():
        spec = config.load(merged.content, stack=stack, read_file=read_file)
    return replace(spec, warnings=tuple(map(merged.with_file, spec.warnings)))


def _secret_in_cluster(stack: str) -> Problem:
    what = (
        f"contains a value that is marked as a secret, and all values below {ROOT} are readable in "
        "user data and state"
    )
    fix = (
        f'find "secure:" below k3s-aws:{ROOT} in Pulumi.{stack}.yaml and remove it; secrets go '
        f"into k3s-aws:{registry_auth.KEY}, k3s-aws:{login_key.KEY}, or a Secret that you create "
        "with the kubeconfig"
    )
    return Problem(ROOT, what, fix, Kind.SECRET)


def parse(key: str, value: StackValue) -> Any:
    """The content of a value; text that is not JSON is a string."""
    if value.text is None:
        return None
    try:
        return json.loads(value.text, parse_int=_integer)
    except ValueError:
        return value.text
    except RecursionError:
        what, fix = "is nested too deeply to be read", "make it flatter"
        raise ConfigError([Problem(key, what, fix, Kind.LIMIT)]) from None


def _integer(digits: str) -> int | float:
    # Python refuses to read 4,300 digits, and no key has a use for them.
    return int(digits) if len(digits) < 400 else float(digits)
