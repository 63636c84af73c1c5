"""
What Go's YAML parser does not take of JSON, which the boot program writes k3s's files in.

A file with such a text is rejected as a whole: k3s does not start, or its node never joins. Seen
with gopkg.in/yaml.v2, which k3s reads config.yaml and registries.yaml with.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cluster.errors import Kind
from cluster.reading.faults import Fault

# JSON writes a character beyond it as two escapes, each of which YAML takes for a character.
_LAST_CHARACTER = "\uffff"
# https://yaml.org/spec/1.2.2/#742-flow-mappings
_LONGEST_KEY = 1024


def fault(value: Any) -> Fault | None:
    """What is wrong with a value that reaches k3s's files; no value is shown."""
    for text, is_key in _strings(value):
        if any(each > _LAST_CHARACTER for each in text):
            what = "has a character beyond U+FFFF, such as an emoji, which k3s cannot read"
            return Fault(what, "leave the character out")
        if is_key and len(json.dumps(text)) > _LONGEST_KEY:
            what = f"has a key that is longer than the {_LONGEST_KEY} characters YAML allows"
            return Fault(what, "write a shorter key", Kind.LIMIT)
    return None


def _strings(value: Any) -> Iterator[tuple[str, bool]]:
    """Each string in a value, and whether it is a key."""
    if isinstance(value, str):
        yield value, False
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield str(key), True
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
