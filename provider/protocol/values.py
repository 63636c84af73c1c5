"""
Values as the engine sends them and back: unknowns and secrets inside a protobuf Struct.

The markers are those of Pulumi's protocol: sdk/go/common/resource/properties.go
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf import json_format, struct_pb2
from pulumi.runtime import rpc

UNKNOWN_MARK: Final[str] = rpc.UNKNOWN
SIGNATURE_KEY: Final[str] = rpc._special_sig_key
SECRET_SIGNATURE: Final[str] = rpc._special_secret_sig

Path = tuple[str, ...]
# Shorter strings occur in ordinary words; a secret of ours is never that short.
_SHORTEST_SECRET: Final = 12


class Unknown:
    """A value that is known only after the update; there is one, UNKNOWN."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that must not be shown."""

    value: Any = field(repr=False)


def decode(struct: Any) -> dict[str, Any]:
    """The properties of a request, with Secret and UNKNOWN in them."""
    decoded: dict[str, Any] = _decode(json_format.MessageToDict(struct))
    return decoded


def encode(properties: Mapping[str, Any]) -> Any:
    """Properties as the engine reads them; a None at the top is left out."""
    struct = struct_pb2.Struct()
    struct.update({key: _encode(each) for key, each in properties.items() if each is not None})
    return struct


def unwrap_secrets(value: Any) -> Any:
    """The value without its secret marks."""
    if isinstance(value, Secret):
        return unwrap_secrets(value.value)
    if isinstance(value, Mapping):
        return {key: unwrap_secrets(each) for key, each in value.items()}
    if isinstance(value, list):
        return [unwrap_secrets(each) for each in value]
    return value


def secret_paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where the secret marks are; a secret inside a list marks the whole list."""
    if isinstance(value, Secret):
        yield path
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from secret_paths(each, (*path, key))
    elif isinstance(value, list) and any(True for each in value for _ in secret_paths(each)):
        yield path


def mark_secrets(value: Mapping[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """The value with what is at `paths` marked secret."""
    copy = dict(value)
    for path in paths:
        _mark_secret(copy, path)
    return copy


def secret_strings(value: Any, secret: bool = False) -> Iterator[str]:
    """Every string under a secret mark, and each line of it: what no message may contain."""
    if isinstance(value, Secret):
        yield from secret_strings(value.value, secret=True)
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from secret_strings(each, secret)
    elif secret and isinstance(value, str):
        pieces = {value, *value.splitlines()}
        yield from (each for each in pieces if len(each.strip()) >= _SHORTEST_SECRET)


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get(SIGNATURE_KEY) == SECRET_SIGNATURE:
            return Secret(_decode(value.get("value")))
        return {key: _decode(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_decode(each) for each in value]
    if value == UNKNOWN_MARK:
        return UNKNOWN
    # Every number of the protocol is a float.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _encode(value: Any) -> Any:
    if isinstance(value, Secret):
        return {SIGNATURE_KEY: SECRET_SIGNATURE, "value": _encode(value.value)}
    if isinstance(value, Unknown):
        return UNKNOWN_MARK
    if isinstance(value, Mapping):
        return {key: _encode(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_encode(each) for each in value]
    return value


def _mark_secret(mapping: dict[str, Any], path: Path) -> None:
    key, rest = path[0], path[1:]
    inner = mapping.get(key)
    if inner is None or isinstance(inner, Secret):
        return
    if rest and isinstance(inner, Mapping):
        mapping[key] = copy = dict(inner)
        _mark_secret(copy, rest)
    else:
        mapping[key] = Secret(inner)
