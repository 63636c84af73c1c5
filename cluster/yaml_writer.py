"""
YAML that every reader understands alike: Kubernetes, Helm, kubectl, Pulumi and PyYAML.

They differ in which plain words and digits are booleans, numbers or dates, so a string that any of
them could take for one stands in quotes, as a value and as a key.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from cluster import yaml_scalars

# Go and PyYAML agree on plain scalars of these; all else is escaped where it has to be.
_PRINTABLE = re.compile(r"[ -~]*")
# What Go reads as an integer.
_INTEGERS = 2.0**64


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True

    def string(self, text: str) -> yaml.ScalarNode:
        plain = _PRINTABLE.fullmatch(text) and not yaml_scalars.is_ambiguous(text)
        return self.represent_scalar("tag:yaml.org,2002:str", text, None if plain else '"')

    def number(self, number: float) -> yaml.ScalarNode:
        # Pulumi writes a large integer that passed through a float as 1.2321123131e+10.
        if number.is_integer() and abs(number) < _INTEGERS:
            return self.represent_int(int(number))
        return self.represent_float(number)


_Dumper.add_representer(str, _Dumper.string)
_Dumper.add_representer(float, _Dumper.number)


def write(content: Any) -> str:
    """The text of a document; `content` is of what JSON has."""
    text: str = yaml.dump(
        content, Dumper=_Dumper, sort_keys=False, width=float("inf"), allow_unicode=True
    )
    return text
