"""
The names that a stack's state consists of, as text: the goldens in tests/golden/state/.

`provider-schema.json` has the tokens, inputs and outputs of the provider. Each example has a file
with its resources: their type behind those of their components, as in the URN, and their name; of
an SSM parameter also the name in AWS. Descriptions, the version and hashes are left out: they may
change.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from provider.protocol import schema
from provider.resources import K3sProvider
from tests.components.recording import CONFIGURATION, Built, Recorded, build, build_cluster
from tests.golden import rendering

FOLDER = rendering.GOLDEN / "state"
SCHEMA = "provider-schema.json"
UNCOMMON = "uncommon.txt"
"""The resources that no example has."""
FILES = [SCHEMA, UNCOMMON, *(f"{name}.txt" for name in rendering.NAMES)]

FROZEN = """\
Names in state are part of the state format, and existing stacks have them.
    only new names (+): none of them can change later; choose them well, then run make golden
    names that are gone (-): restore them, or migrate existing stacks, as
    docs/decisions/0014-names-in-state-are-frozen.md describes, then run make golden
    only the configuration of an example changed: run make golden
"""

_SHA256 = re.compile(r"\b[0-9a-f]{64}\b")
_PARAMETER = "aws:ssm/parameter:Parameter"
_STACK = "pulumi:pulumi:Stack"


def render(file: str) -> str:
    """The text of one of FILES."""
    if file == SCHEMA:
        return _schema()
    built = _uncommon() if file == UNCOMMON else [_example(file.removesuffix(".txt"))]
    # The mocks register the stack once for a process, whatever it is built from.
    found = [each for one in built for each in one.resources if each.type != _STACK]
    lines = {_line(each) for each in found}
    return "".join(f"{line}\n" for line in sorted(lines))


def explain(file: str, golden: str, rendered: str) -> str:
    """What changed, and what to do about it; nothing when nothing changed."""
    if golden == rendered:
        return ""
    before, after = set(_statements(file, golden)), set(_statements(file, rendered))
    gone = [f"- {each}" for each in sorted(before - after)]
    new = [f"+ {each}" for each in sorted(after - before)]
    return "\n".join([FROZEN, f"tests/golden/state/{file}:", *gone, *new])


def _statements(file: str, text: str) -> Iterator[str]:
    """The lines; of the schema one line for each value, with its path."""
    if file == SCHEMA:
        yield from _values(json.loads(text), "")
    else:
        yield from text.splitlines()


def _values(content: Any, path: str) -> Iterator[str]:
    if isinstance(content, dict):
        for key, each in content.items():
            yield from _values(each, f"{path} {key}")
    elif isinstance(content, list):
        for each in content:
            yield from _values(each, path)
    else:
        yield f"{path.lstrip()}: {json.dumps(content)}"


def _line(resource: Recorded) -> str:
    line = f"{resource.qualified_type} {resource.name}"
    if resource.type == _PARAMETER:
        line += f" {resource.inputs['name']}"
    return _SHA256.sub("<sha256>", line)


def _example(name: str) -> Built:
    cluster = rendering.load(name)
    stored = cluster.architectures if cluster.k3s.from_bucket else ()
    return build_cluster(lambda: cluster, k3s_files={each: Path("k3s") for each in stored})


def _uncommon() -> list[Built]:
    """Passwords of registries, a manifest too big for user data, and other pod networks."""
    data = {"noise": random.Random(1).randbytes(3000).hex()}
    big = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "big"}, "data": data}
    manifests = [{"name": "big", "content": json.dumps(big)}]
    auth = {"registry.example.com": {"username": "ci", "password": "hunter2"}}
    return [
        build(CONFIGURATION | {"k3s": {"flannelBackend": "host-gw"}}, registry_auth=auth),
        build(CONFIGURATION | {"k3s": {"flannelBackend": "none"}, "manifests": manifests}),
    ]


def _schema() -> str:
    content = json.loads(schema.render(K3sProvider()))
    del content["version"]
    return json.dumps(_without_descriptions(content), indent=2, sort_keys=True) + "\n"


def _without_descriptions(content: Any) -> Any:
    """A property may be called `description` too; that one is an object."""
    if not isinstance(content, dict):
        return content
    return {
        key: _without_descriptions(each)
        for key, each in content.items()
        if key != "description" or isinstance(each, dict)
    }
