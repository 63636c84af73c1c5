"""The passwords of image registries, by host: `k3s-aws:registryAuth`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cluster import parameters
from cluster.errors import ConfigError, Kind, Problem
from cluster.reading import go_yaml, registry_hosts
from cluster.reading.faults import step, unknown_key

KEY = "registryAuth"
# https://docs.k3s.io/installation/private-registry#configs
FIELDS = ("username", "password", "auth", "identity_token")

# https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
MOST_BYTES = 4096

_FIX = (
    "pulumi config set --secret --path 'k3s-aws:registryAuth[\"registry.example.com\"].password'; "
    "set username beside it"
)


def check(raw: object, *, is_secret: bool) -> Mapping[str, Any]:
    """The credentials by host, empty when none are set. Raises ConfigError; shows no value."""
    if raw is None or raw == {}:
        return {}
    if not isinstance(raw, Mapping):
        raise ConfigError([Problem(KEY, "must be an object of hosts", _FIX, Kind.TYPE)])
    problems = [problem for host, fields in raw.items() for problem in _check_host(host, fields)]
    if not is_secret:
        problems.insert(0, Problem(KEY, "is set in plain text", _FIX, Kind.SECRET))
    if problems:
        raise ConfigError(problems)
    size = len(parameters.registry_auth_value(raw).encode())
    if size > MOST_BYTES:
        fact = f"takes {size} bytes, an SSM parameter holds {MOST_BYTES}"
        fix = "leave a registry out, or give it a shorter password such as a robot account's token"
        raise ConfigError([Problem(KEY, fact, fix, Kind.LIMIT)])
    return raw


def _check_host(host: object, fields: object) -> Iterator[Problem]:
    path = f"{KEY}{step(str(host))}"
    fault = registry_hosts.host(str(host))
    if fault:
        yield Problem(KEY if fault.kind is Kind.SECRET else path, *fault)
        return
    if not isinstance(fields, Mapping) or not fields:
        yield Problem(path, "must be an object", f"known keys: {', '.join(FIELDS)}", Kind.TYPE)
        return
    for name, field in fields.items():
        if name not in FIELDS:
            yield Problem(f"{path}{step(str(name))}", *unknown_key(str(name), FIELDS))
        elif not isinstance(field, str):
            # Not quoted: it may be a password.
            fix = "put the value in quotes"
            yield Problem(f"{path}.{name}", "must be a string", fix, Kind.TYPE)
    if all(name in FIELDS and isinstance(field, str) for name, field in fields.items()):
        fault = registry_hosts.credentials(fields) or go_yaml.fault(fields)
        if fault:
            yield Problem(path, *fault)
