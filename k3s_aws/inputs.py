"""The inputs of a cluster as plain values, which have to be there before anything is created."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pulumi
from pulumi.output import Unknown
from pulumi.runtime.sync_await import _sync_await

from cluster.errors import ConfigError, Kind, Problem
from cluster.reading.faults import step
from cluster.reading.section import ROOT
from cluster.stack_config import StackValue, parse


def read(values: Mapping[str, Any]) -> dict[str, StackValue]:
    """
    The values by their keys, as the stack's configuration has them.

    Raises ConfigError with every part that is not known yet.
    """
    found = {key: _resolve(value) for key, value in values.items()}
    unknown = [path for key, (value, _) in found.items() for path in _unknown(value, key)]
    if unknown:
        raise ConfigError([_not_known(path) for path in unknown])
    return {
        key: StackValue(text=_text(value), is_secret=is_secret)
        for key, (value, is_secret) in found.items()
    }


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


def _resolve(value: Any) -> tuple[Any, bool]:
    """The value without outputs, and whether any part of it is secret."""
    if isinstance(value, pulumi.Output):
        is_secret = bool(_sync_await(value.is_secret()))
        inner, is_inner_secret = _resolve(_sync_await(value.future(with_unknowns=True)))
        known = _sync_await(value.is_known()) or _holds_unknown(inner)
        return (inner if known else Unknown()), is_secret or is_inner_secret
    if isinstance(value, Mapping):
        parts = {key: _resolve(each) for key, each in value.items()}
        return {key: each for key, (each, _) in parts.items()}, any(s for _, s in parts.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        items = [_resolve(each) for each in value]
        return [each for each, _ in items], any(is_secret for _, is_secret in items)
    # Numbers come over the wire as floats.
    return (int(value) if isinstance(value, float) and value.is_integer() else value), False


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
        "create that one first, in another stack or with pulumi up --target, or write the value",
        Kind.REQUIRED,
    )


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)
