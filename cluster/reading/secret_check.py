"""Reports secrets in plain text in each part of `cluster`; manifests.py looks into the objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cluster import k3s_flags
from cluster.errors import Kind
from cluster.reading import plain_secrets
from cluster.reading.declarations import Path
from cluster.reading.faults import Fault
from cluster.reading.k3s import OWNED, SECRET
from cluster.reading.section import Problems

_URL = Fault(
    "has credentials in a URL, which would be readable in user data and state",
    "remove them; passwords of image registries go into k3s-aws:registryAuth",
    Kind.SECRET,
)
_KEY = Fault(
    plain_secrets.READABLE,
    "put it into k3s-aws:registryAuth where it is a registry's, else into a Secret of the cluster",
    Kind.SECRET,
)
# Names and types of k3s itself; k3s.py reports those that are secrets.
_K3S_NAMES = frozenset({*OWNED, *SECRET, *(flag.name for flag in k3s_flags.FLAGS)})
_TEXT_KEYS = ("content", "file")


def check(raw: object, problems: Problems) -> None:
    """Adds a problem for each secret, and a warning for what may be one."""
    for path, fault in _found(raw):
        if fault.kind is Kind.WARNING:
            problems.warn(path, fault.what, fault.fix)
        else:
            problems.add(path, fault)


def _found(raw: object) -> Iterator[tuple[Path, Fault]]:
    for path, value in plain_secrets.walk(raw):
        if _is_of_another_check(path):
            continue
        if _has_url(path, value):
            yield path, _URL
        elif isinstance(value, str) and plain_secrets.in_text(value):
            yield path, _KEY
        elif "k3s" in path:
            yield from _in_k3s(path, value)
        elif path[:1] == ("charts",) and path[2:] == ("values",):
            for below, fault in plain_secrets.in_values(value):
                yield (*path, *below), fault


def _is_of_another_check(path: Path) -> bool:
    is_text = path[:1] == ("manifests",) and path[-1] in _TEXT_KEYS
    is_rejected = "k3s" in path and _below_k3s(path)[:1] in [(name,) for name in OWNED]
    return (
        is_text
        or is_rejected
        or (path[:1] == ("charts",) and path[2:3] == ("values",) and len(path) > 3)
    )


def _has_url(path: Path, value: Any) -> bool:
    """Whether the value, or its key, has credentials in a URL."""
    address = "k3s" in path or path[:1] == ("charts",)
    check = plain_secrets.is_login_at_host if address else plain_secrets.has_credentials
    # registry_hosts.py reports the names of registries.
    strings = (value,) if "registries" in path else (*path[-1:], value)
    return any(isinstance(each, str) and check(each) for each in strings)


def _in_k3s(path: Path, value: Any) -> Iterator[tuple[Path, Fault]]:
    below = _below_k3s(path)
    if below[:1] == ("registries",):
        if _is_in_registries(below, value):
            yield path, _KEY
    elif below and isinstance(value, str | int) and _is_in_keys(str(below[0]), value):
        yield path, _KEY


def _below_k3s(path: Path) -> Path:
    """The path from k3s's own keys on, of a role or of a pool, or from `registries`."""
    below = path[path.index("k3s") + 1 :]
    return below[1:] if path[0] == "k3s" and below[:1] != ("registries",) else below


def _is_in_registries(below: Path, value: Any) -> bool:
    if below[-1] == "auth":
        # k3s.py reports it where k3s looks for it.
        return len(below) > 1 and bool(value) and not (len(below) == 4 and below[1] == "configs")
    named = isinstance(below[-1], str) and plain_secrets.is_secret_name(below[-1])
    # Keys of `rewrite` are patterns.
    return (
        named
        and not {"auth", "rewrite"} & set(below[:-1])
        and isinstance(value, str | int)
        and bool(value)
    )


def _is_in_keys(name: str, value: str | int) -> bool:
    name = name.removesuffix("+")
    argument, equals, given = str(value).partition("=")
    if name.endswith("-arg"):
        is_name = plain_secrets.is_secret_name(argument) or argument.endswith("secret")
        return bool(equals and given and is_name) and given not in ("true", "false")
    return name not in _K3S_NAMES and plain_secrets.is_secret_name(name) and value is not True
