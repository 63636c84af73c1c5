"""
The file of a stack's configuration: what others wrote in it stays as they wrote it.

Pulumi reads it by another library, for which `y` is a string and `72044e0` a number. So a scalar
without quotes is kept as its text, and strings of our own are in quotes where any reader could
take them for something else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from localcloud.errors import LocalCloudError

_STRING = "tag:yaml.org,2002:str"
_NOTHING = ("", "~", "null", "Null", "NULL")
# No reader takes such a word for anything but a string.
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_./:+-]{4,}[A-Za-z0-9]")


class Plain(str):
    """A scalar without quotes, whatever Pulumi takes it for."""

    __slots__ = ()


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - as PyYAML has it

    def scalar(self, node: yaml.ScalarNode) -> str | None:
        if node.style is not None:
            return str(node.value)
        return None if node.value in _NOTHING else Plain(node.value)


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - as PyYAML has it

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def string(self, text: str) -> yaml.ScalarNode:
        return self.represent_scalar(_STRING, text, None if _WORD.fullmatch(text) else '"')

    def plain(self, value: Any) -> yaml.ScalarNode:
        return self.represent_scalar(_STRING, str(value))

    def word(self, value: bool | None) -> yaml.ScalarNode:
        return self.plain({True: "true", False: "false", None: "null"}[value])


_Loader.add_constructor(_STRING, _Loader.scalar)
_Dumper.add_representer(str, _Dumper.string)
_Dumper.add_representer(Plain, _Dumper.plain)
_Dumper.add_representer(int, _Dumper.plain)
_Dumper.add_representer(float, _Dumper.plain)
_Dumper.add_representer(bool, _Dumper.word)
_Dumper.add_representer(type(None), _Dumper.word)


def read(file: Path) -> dict[str, Any]:
    """The content of the file, empty where there is none. Raises LocalCloudError."""
    if not file.exists():
        return {}
    try:
        content = yaml.load(file.read_text(), Loader=_Loader)  # noqa: S506 - a safe one
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise LocalCloudError(f"{file} is not valid YAML{where}\n    correct it") from None
    if not isinstance(content, Mapping | None):
        raise LocalCloudError(f"{file} is not a stack's configuration\n    remove it")
    return dict(content or {})


def write(file: Path, content: Mapping[str, Any]) -> None:
    """Replaces the content of the file."""
    text = yaml.dump(dict(content), Dumper=_Dumper, sort_keys=False, width=float("inf"))
    file.write_text(text)
