"""Reads `k3s-aws:registryAuth`: the passwords of image registries, by host."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cluster.errors import ConfigError, Problem

KEY = "registryAuth"
# https://docs.k3s.io/installation/private-registry#configs
FIELDS = ("username", "password", "auth", "identity_token")

# https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
MOST_BYTES = 4096


def check(raw: object, *, is_secret: bool) -> Mapping[str, Any]:
    """The credentials by host, empty when none are set. Raises ConfigError; shows no value."""
    if raw is None or raw == {}:
        return {}
    if not isinstance(raw, Mapping):
        raise ConfigError([Problem(KEY, "expected a mapping of hosts", _FIX)])
    problems = [problem for host, fields in raw.items() for problem in _of_host(host, fields)]
    if not is_secret:
        problems.insert(0, Problem(KEY, "is set in plain text", _FIX))
    if problems:
        raise ConfigError(problems)
    size = len(json.dumps(dict(raw)).encode())
    if size > MOST_BYTES:
        fact = f"takes {size} bytes, an SSM parameter holds {MOST_BYTES}"
        fix = "leave a registry out, or give it a shorter password such as a robot account's token"
        raise ConfigError([Problem(KEY, fact, fix)])
    return raw


_FIX = (
    "pulumi config set --secret --path 'k3s-aws:registryAuth[\"registry.example.com\"].password'; "
    "set username beside it"
)


def _of_host(host: object, fields: object) -> list[Problem]:
    path = f'{KEY}["{host}"]'
    if not isinstance(fields, Mapping) or not fields:
        return [Problem(path, "expected a mapping", f"known keys: {', '.join(FIELDS)}")]
    problems = [
        Problem(f"{path}.{name}", "unknown key", f"known keys: {', '.join(FIELDS)}")
        for name in fields
        if name not in FIELDS
    ]
    problems += [
        Problem(f"{path}.{name}", "expected a text", "put the value in quotes")
        for name in FIELDS
        if name in fields and not isinstance(fields[name], str)
    ]
    return problems
