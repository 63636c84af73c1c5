"""Property values between the engine's protocol and Python; comparing them as the bridge does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"

Values = dict[str, Any]


def load(struct: Struct) -> Values:
    """The values as plain Python: whole numbers as int, secrets unwrapped."""
    plain: Values = _plain(json_format.MessageToDict(struct))
    return plain


def dump(values: Mapping[str, Any]) -> Struct:
    """The values as the protocol's structure; what is None is left out."""
    struct = Struct()
    struct.update({key: value for key, value in values.items() if value is not None})
    return struct


def secret(value: Any) -> Values:
    """The value, marked secret."""
    return {SIGNATURE: SECRET, "value": value}


def is_unknown(value: Any) -> bool:
    """Whether a value, or a part of it, is not known before the update."""
    if isinstance(value, Mapping):
        return any(is_unknown(each) for each in value.values())
    if isinstance(value, list):
        return any(is_unknown(each) for each in value)
    return bool(value == UNKNOWN)


def differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """
    Each path at which the two differ, with `add`, `delete` or `update`.

    Null, an empty list and an empty mapping are the same as nothing.
    """
    if _same(old, new):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            below = f"{path}{_step(key)}" if path else key
            yield from differences(old.get(key), new.get(key), below)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from differences(before, after, f"{path}[{index}]")
    else:
        yield path, "add" if _empty(old) else "delete" if _empty(new) else "update"


def _step(key: str) -> str:
    return f".{key}" if key.isidentifier() else f'["{key}"]'


def _same(old: Any, new: Any) -> bool:
    return bool(old == new) or (_empty(old) and _empty(new))


def _empty(value: Any) -> bool:
    return value is None or value in ([], {})


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.get(SIGNATURE) == SECRET:
            return _plain(value.get("value"))
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
