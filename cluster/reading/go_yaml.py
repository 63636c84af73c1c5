"""
What Go's YAML parser does not take of JSON, which the boot program writes k3s's files in.

A file with such a text is rejected as a whole: k3s does not start, or its node never joins. Seen
with gopkg.in/yaml.v2, which k3s reads config.yaml and registries.yaml with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cluster.reading.faults import Fault

# JSON writes a character beyond it as two escapes, each of which YAML takes for a character.
_LAST_CHARACTER = "\uffff"


def fault(value: Any) -> Fault | None:
    """What is wrong with a value that reaches k3s's files; no value is shown."""
    if any(each > _LAST_CHARACTER for text in _strings(value) for each in text):
        what = "has a character beyond U+FFFF, such as an emoji, which k3s cannot read"
        return Fault(what, "leave the character out")
    return None


def _strings(value: Any) -> Iterator[str]:
    """Each string in a value, as a key or by itself."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield str(key)
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
