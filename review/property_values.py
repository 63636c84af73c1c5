"""
Property values as the engine serializes them, as plain values.

What is not a plain value carries a signature (sdk/go/common/resource/sig); what is not known at a
preview is a sentinel of its type (sdk/go/common/resource/plugin/rpc.go).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

SECRET: Final = "[secret]"  # noqa: S105 - what stands in the place of one
UNKNOWN: Final = "[unknown]"

_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a signature
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_REFERENCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
_FILES: Final = {
    "c44067f5952c0a294b673a41bacd8c17": "asset",
    "0def7320c3a5731c473e5ecbe6d01bc7": "archive",
}
_UNKNOWNS: Final = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)


def plain(value: Any) -> Any:
    """
    The value in plain JSON.

    A secret is SECRET, whatever the engine wrote beside the signature; an unknown value is UNKNOWN;
    a file is its hash.
    """
    if isinstance(value, Mapping):
        return _plain_object(value)
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, str) and value in _UNKNOWNS:
        return UNKNOWN
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _plain_object(value: Mapping[str, Any]) -> Any:
    signature = value.get(_SIGNATURE)
    if signature is None:
        return {str(key): plain(each) for key, each in value.items()}
    if signature == _OUTPUT and not value.get("secret"):
        return plain(value["value"]) if "value" in value else UNKNOWN
    if signature == _REFERENCE:
        return str(value.get("urn"))
    if str(signature) in _FILES:
        return f"[{_FILES[str(signature)]} {str(value.get('hash'))[:12]}]"
    # A secret; or a signature of a later engine, whose content may be one.
    return SECRET


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """
    Each scalar and each empty object or list of a plain value, by its path.

    A path is formatted as the engine formats it: `nodeConfig.pool.k3s.sources[0]`, and
    `tags["k3s-aws:owner"]` for a key that has other characters than a name.
    """
    if isinstance(value, Mapping) and value:
        for key, each in value.items():
            yield from flat(each, _joined(path, key))
    elif isinstance(value, list) and value:
        for index, each in enumerate(value):
            yield from flat(each, f"{path}[{index}]")
    else:
        yield path, value


def _joined(path: str, key: str) -> str:
    if key.replace("_", "").replace("-", "").isalnum():
        return f"{path}.{key}" if path else key
    return f'{path}["{key}"]'


def differences(old: Any, new: Any) -> dict[str, tuple[Any, Any]]:
    """
    The scalars that differ, by path, old and new; None where there is no value.

    Two strings of JSON, such as IAM policies, differ by what they hold.
    """
    found: dict[str, tuple[Any, Any]] = {}
    before, after = dict(flat(old or {})), dict(flat(new or {}))
    for path in (*before, *(each for each in after if each not in before)):
        pair = before.get(path), after.get(path)
        if path and pair[0] != pair[1]:
            inside = _differences_inside(*pair)
            below = {_below(path, each): values for each, values in inside.items()}
            found |= below or {path: pair}
    return found


def _differences_inside(old: Any, new: Any) -> dict[str, tuple[Any, Any]]:
    one, other = _parsed(old), _parsed(new)
    if one is None or type(one) is not type(other):
        return {}
    return differences(one, other)


def _parsed(value: Any) -> Any:
    """The object or list in a string of JSON; None of anything else."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return None
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None


def _below(path: str, rest: str) -> str:
    return f"{path}{rest}" if rest.startswith("[") else f"{path}.{rest}"
