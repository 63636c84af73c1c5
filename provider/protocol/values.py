"""
Values as the engine sends them and back: unknowns and secrets inside a protobuf Struct.

The markers are those of Pulumi's protocol: sdk/go/common/resource/sig/sig.go for the objects with a
signature, sdk/go/common/resource/plugin/rpc.go for unknowns. What a machine or an API reported may
contain their text, and the engine would open the file that an asset names: so only the values of
this module's own types become markers, and all others are escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf import json_format, struct_pb2
from pulumi.runtime import rpc

from provider.protocol import redaction

UNKNOWN_MARK: Final[str] = rpc.UNKNOWN
SIGNATURE_KEY: Final[str] = rpc._special_sig_key
SECRET_SIGNATURE: Final[str] = rpc._special_secret_sig
_OUTPUT_SIGNATURE: Final[str] = rpc._special_output_value_sig
# The engine has an unknown of each type; the SDK of Python sends that of strings alone.
UNKNOWN_MARKS: Final = frozenset(
    {
        UNKNOWN_MARK,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)
# What is sent in place of a marker's text.
_ESCAPED_UNKNOWN: Final = "(the mark of an unknown value)"
_ESCAPED_KEY: Final = "(the key of a signature)"

Path = tuple[str, ...]


class Unknown:
    """A value that is known only after the update; there is one, UNKNOWN."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that must not be shown."""

    value: Any = field(repr=False)


class TypedObject(dict[str, Any]):
    """An asset, an archive, a resource reference or a byte string, as the engine sent it."""


def decode(struct: Any) -> dict[str, Any]:
    """The properties of a request, with Secret, UNKNOWN and TypedObject in them."""
    decoded: dict[str, Any] = _decode(json_format.MessageToDict(struct))
    return decoded


def encode(properties: Mapping[str, Any]) -> Any:
    """Properties as the engine reads them, other markers escaped; a None at the top is left out."""
    struct = struct_pb2.Struct()
    given = {key: each for key, each in properties.items() if each is not None}
    struct.update(_encode_object(given))
    return struct


def unwrap_secrets(value: Any) -> Any:
    """The value without its secret marks."""
    if isinstance(value, Secret):
        return unwrap_secrets(value.value)
    if isinstance(value, TypedObject):
        return value
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
    """Every string under a secret mark, in each form of it: what no message may contain."""
    if isinstance(value, Secret):
        yield from secret_strings(value.value, secret=True)
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from secret_strings(each, secret)
    elif secret and isinstance(value, str):
        yield from redaction.forms(value)


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        return _decode_object(value)
    if isinstance(value, list):
        return [_decode(each) for each in value]
    if isinstance(value, str):
        return UNKNOWN if value in UNKNOWN_MARKS else value
    # Every number of the protocol is a float.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _decode_object(value: dict[str, Any]) -> Any:
    signature = value.get(SIGNATURE_KEY)
    if signature == SECRET_SIGNATURE:
        return Secret(_decode(value.get("value")))
    if signature == _OUTPUT_SIGNATURE:
        element = _decode(value["value"]) if "value" in value else UNKNOWN
        return Secret(element) if value.get("secret") else element
    decoded = {key: _decode(each) for key, each in value.items()}
    return TypedObject(decoded) if SIGNATURE_KEY in value else decoded


def _encode(value: Any) -> Any:
    if isinstance(value, Secret):
        return {SIGNATURE_KEY: SECRET_SIGNATURE, "value": _encode(value.value)}
    if isinstance(value, Unknown):
        return UNKNOWN_MARK
    if isinstance(value, Mapping):
        return _encode_object(value)
    if isinstance(value, list):
        return [_encode(each) for each in value]
    return _encode_plain(value)


def _encode_object(value: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(value, TypedObject):
        return {key: _encode(each) for key, each in value.items()}
    return {
        _ESCAPED_KEY if key == SIGNATURE_KEY else _encode_string(key): _encode(each)
        for key, each in value.items()
    }


def _encode_plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # the state is JSON, which has no such number
    return _encode_string(value) if isinstance(value, str) else value


def _encode_string(value: str) -> str:
    if value in UNKNOWN_MARKS:
        return _ESCAPED_UNKNOWN
    # A lone surrogate, which JSON can name, has no form in UTF-8.
    return value.encode(errors="replace").decode()


def _mark_secret(mapping: dict[str, Any], path: Path) -> None:
    key, rest = path[0], path[1:]
    inner = mapping.get(key)
    if inner is None or isinstance(inner, Secret):
        return
    if rest and isinstance(inner, Mapping) and not isinstance(inner, TypedObject):
        mapping[key] = copy = dict(inner)
        _mark_secret(copy, rest)
    else:
        mapping[key] = Secret(inner)
