"""The inputs of a cluster as plain values, which have to be there before anything is created."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import isawaitable
from typing import Any

import pulumi
from pulumi.output import Unknown
from pulumi.runtime.sync_await import _sync_await

from cluster.errors import ConfigError, Kind, Problem
from cluster.reading.faults import step
from cluster.reading.section import ROOT
from cluster.stack_config import StackValue, parse


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What is given for a cluster."""

    values: Mapping[str, StackValue]
    """By their keys, as the stack's configuration has them."""
    resources: frozenset[pulumi.Resource]
    """Those that any value is an output of."""


def read(values: Mapping[str, Any]) -> Inputs:
    """
    The values by their keys, and the resources they are from.

    Raises ConfigError with every part that is not known yet, and with what is no value of JSON.
    """
    resources: set[pulumi.Resource] = set()
    found = {key: _resolve(value, resources) for key, value in values.items()}
    unknown = [path for key, (value, _) in found.items() for path in _unknown(value, key)]
    if unknown:
        raise ConfigError([_not_known(path) for path in unknown])
    return Inputs(
        values={
            key: StackValue(text=_text(key, value), is_secret=is_secret)
            for key, (value, is_secret) in found.items()
        },
        resources=frozenset(resources),
    )


def named(values: Mapping[str, StackValue], name: str) -> dict[str, StackValue]:
    """
    The values, where the cluster has a name of its own or this one.

    Raises ConfigError where the cluster holds a secret; nothing else of it is read then.
    """
    given = values[ROOT]
    if given.is_secret:
        raise ConfigError([_secret()])
    cluster = parse(ROOT, given)
    if not isinstance(cluster, dict) or "name" in cluster:
        return dict(values)
    return {**values, ROOT: replace(given, text=json.dumps({"name": name, **cluster}))}


def _resolve(value: Any, resources: set[pulumi.Resource]) -> tuple[Any, bool]:
    """The value without outputs, whether any part of it is secret; adds what it is from."""
    if isawaitable(value):
        value = pulumi.Output.from_input(value)
    if isinstance(value, pulumi.Output):
        return _resolve_output(value, resources)
    if isinstance(value, Mapping):
        parts = {key: _resolve(each, resources) for key, each in value.items()}
        return {key: each for key, (each, _) in parts.items()}, any(s for _, s in parts.values())
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        items = [_resolve(each, resources) for each in value]
        return [each for each, _ in items], any(is_secret for _, is_secret in items)
    # Numbers come over the wire as floats.
    return (int(value) if isinstance(value, float) and value.is_integer() else value), False


def _resolve_output(value: pulumi.Output[Any], resources: set[pulumi.Resource]) -> tuple[Any, bool]:
    is_secret = bool(_sync_await(value.is_secret()))
    resources |= _sync_await(value.resources())
    inner, is_inner_secret = _resolve(_sync_await(value.future(with_unknowns=True)), resources)
    known = _sync_await(value.is_known()) or _holds_unknown(inner)
    return (inner if known else Unknown()), is_secret or is_inner_secret


def _holds_unknown(value: Any) -> bool:
    return any(True for _ in _unknown(value, ""))


def _unknown(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Unknown):
        yield path
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _unknown(each, f"{path}{step(str(key))}")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _unknown(each, f"{path}[{index}]")


def _secret() -> Problem:
    return Problem(
        ROOT,
        "contains a value that is marked as a secret, and all its values are readable in user data "
        "and state",
        "give passwords of registries as registryAuth, an SSH key as loginKey, and others as a "
        "Secret that you create with the kubeconfig",
        Kind.SECRET,
    )


def _not_known(path: str) -> Problem:
    return Problem(
        path,
        "is not known before another resource exists",
        "create that one first, in another stack, or run pulumi up --skip-preview this once, or "
        "write the value",
        Kind.REQUIRED,
    )


def _text(key: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        # Its text names types alone: the value may be a secret.
        what = f"is not a value that JSON has: {error}"
        fix = "give strings, numbers, booleans, lists and objects with keys that are strings"
        raise ConfigError([Problem(key, what, fix, Kind.TYPE)]) from None
