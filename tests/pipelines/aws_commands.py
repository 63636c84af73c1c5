"""
The `aws` commands of a page, run by the AWS SDK for Python.

Operations and options are those of botocore's models, which the AWS CLI makes its own of.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from botocore import xform_name


def blocks(text: str) -> Iterator[str]:
    """The text of each fenced block without a language."""
    yield from re.findall(r"^```\n(.*?)^```$", text, re.M | re.S)


def run(block: str, folder: Path, environment: dict[str, str], client: Callable[[str], Any]) -> int:
    """
    Runs the lines of a block in their order; how many commands of `aws` there were.

    Assignments go to `environment`, all else to a shell.
    """
    count = 0
    for line in block.splitlines():
        words = [_expanded(each, environment) for each in shlex.split(line, comments=True)]
        if not words:
            continue
        if words[0] == "aws":
            call(words[1:], folder, client)
            count += 1
        elif all("=" in each for each in words[words[0] == "export" :]):
            # A later one may use an earlier one.
            for each in shlex.split(line.removeprefix("export "), comments=True):
                name, _, value = each.partition("=")
                environment[name] = _expanded(value, environment)
        elif words[0] == "sed":
            subprocess.run(["bash", "-euc", line], cwd=folder, env=environment, check=True)
    return count


def call(words: list[str], folder: Path, client: Callable[[str], Any]) -> Any:
    """One command, `SERVICE OPERATION --option value...`."""
    service, operation, *options = words
    made = client({"s3api": "s3"}.get(service, service))
    model = made.meta.service_model.operation_model(
        made.meta.method_to_api_mapping[operation.replace("-", "_")]
    )
    shapes = {xform_name(name, "-"): (name, shape)
              for name, shape in model.input_shape.members.items()}  # fmt: skip
    found: dict[str, Any] = {}
    for option, text in zip(options[::2], options[1::2], strict=True):
        # Of the CLI itself: what it prints of the response.
        if option == "--query":
            continue
        name, shape = shapes[option.removeprefix("--")]
        found[name] = _value(shape, text, folder)
    return getattr(made, operation.replace("-", "_"))(**found)


def _value(shape: Any, text: str, folder: Path) -> Any:
    if text.startswith("file://"):
        text = (folder / text.removeprefix("file://")).read_text()
    if shape.type_name == "list":
        return text.split()
    if shape.type_name == "structure" and text.startswith("{"):
        return json.loads(text)
    if shape.type_name == "structure":
        pairs = dict(each.split("=") for each in text.split(","))
        return {name: _plain(shape.members[name], value) for name, value in pairs.items()}
    return _plain(shape, text)


def _plain(shape: Any, text: str) -> Any:
    return text == "true" if shape.type_name == "boolean" else text


def _expanded(word: str, environment: dict[str, str]) -> str:
    return re.sub(r"\$(\w+)", lambda found: environment[found[1]], word)
