"""
The shape of `k3s.registries`, which is k3s's registries.yaml.

The types are those of github.com/rancher/wharfie, pkg/registries/types.go, which k3s reads the file
with: with a value of another type the node never joins, and another name is passed over in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cluster.effect import Effect
from cluster.errors import Kind
from cluster.reading import go_yaml, registry_hosts
from cluster.reading.declarations import Boolean, Path, String, StringMap, Strings
from cluster.reading.faults import Fault, quoted
from cluster.reading.nested import NestedObject, ObjectsByName

_ENDPOINT = re.compile(r"(https?://)?([^/?#]+)(/[!-~]*)?")
_ENDPOINT_FIX = 'write a URL such as "https://mirror.example.com"'


def endpoint(text: str) -> Fault | None:
    """The check of the address of a mirror."""
    if "@" in text.partition("://")[2].partition("/")[0] or "@" in text.partition("/")[0]:
        # Not quoted: what stands before the sign may be a password.
        what = "credentials in a URL would be readable in user data"
        return Fault(what, _ENDPOINT_FIX, Kind.SECRET)
    match = _ENDPOINT.fullmatch(text)
    if not match or "?" in text or "#" in text or registry_hosts.host(match[2]):
        return Fault(f"{quoted(text)} is not a valid http or https URL", _ENDPOINT_FIX)
    return None


def _rewrites(given: Mapping[str, str]) -> Iterator[tuple[Path, Fault]]:
    for pattern in given:
        fix = 'write a regular expression of Go, such as "^library/(.*)"'
        if re.search(r"\(\?(<?[=!])", pattern):
            yield (pattern,), Fault("looks around, which Go's expressions cannot", fix)
            continue
        try:
            re.compile(pattern)
        except re.error as error:
            # Go's classes, such as \pL, are not Python's.
            if "\\" not in pattern and "[[:" not in pattern:
                yield (pattern,), Fault(f"is not a valid regular expression: {error.msg}", fix)


def _pair(tls: Mapping[str, Any]) -> Fault | None:
    """The check of a client's certificate, which wharfie takes with its key only."""
    for one, other in (("cert_file", "key_file"), ("key_file", "cert_file")):
        if tls.get(one) and not tls.get(other):
            return Fault(f"has a {one} and no {other}", f"set {other} too", Kind.REQUIRED)
    return None


def _file(text: str) -> Fault | None:
    if text and not text.startswith("/"):
        what = f"{quoted(text)} is not an absolute path"
        return Fault(what, "write where the file is on the machines")
    return None


_FILE = String("a file on the machines", example="/etc/ssl/certs/own.pem", check=_file)

_AUTH = Fault(
    "is a secret and would be readable in user data and state",
    "pulumi config set --secret --path 'k3s-aws:registryAuth[\"<host>\"].password'",
    Kind.SECRET,
)
# Where people put them, at whatever depth.
_PASSWORDS = dict.fromkeys(("auth", "password", "identity_token"), _AUTH)

_MIRROR = NestedObject(
    "a registry, or `*` for every one that is not named",
    keys={
        "endpoint": Strings(
            "the addresses to ask before the registry itself",
            item=String(example="https://mirror.example.com", check=endpoint),
        ),
        "rewrite": StringMap(
            "other names of repositories there, by regular expressions",
            value=String(example="mirror/$1"),
            check=_rewrites,
        ),
    },
    rejected={
        **_PASSWORDS,
        "endpoints": Fault("unknown key", 'did you mean "endpoint"?', Kind.UNKNOWN_KEY),
        "rewrites": Fault("unknown key", 'did you mean "rewrite"?', Kind.UNKNOWN_KEY),
    },
)

_CONFIG = NestedObject(
    "a registry or a mirror",
    keys={
        "tls": NestedObject(
            "the certificates of the connection",
            keys={
                "ca_file": _FILE,
                "cert_file": _FILE,
                "key_file": _FILE,
                "insecure_skip_verify": Boolean("whether any certificate is accepted"),
            },
            check=_pair,
        ),
    },
    rejected=_PASSWORDS,
)


def _host(text: str) -> Fault | None:
    if text in ("configs", "mirrors", "auths"):
        return Fault("is not the name of a registry", "put it one level higher", Kind.UNKNOWN_KEY)
    return registry_hosts.host_or_any(text)


def _mirror_host(text: str) -> Fault | None:
    fault = _host(text)
    if fault is None and not re.search(r"[.:*]|^localhost$", text):
        # https://docs.k3s.io/installation/private-registry#default-endpoint-fallback
        what = f"{quoted(text)} is a part of an image's name, not a registry: it has no dot or port"
        return Fault(what, 'write host or host:port, such as "registry.example.com"')
    return fault


REGISTRIES = NestedObject(
    "k3s's `registries.yaml`: `mirrors` and `configs`; passwords go into `k3s-aws:registryAuth`",
    Effect.IN_PLACE,
    keys={
        "mirrors": ObjectsByName("mirrors by registry", name=_mirror_host, value=_MIRROR),
        "configs": ObjectsByName("TLS by host", name=_host, value=_CONFIG),
    },
    rejected={**_PASSWORDS, "auths": _AUTH},
    check=go_yaml.fault,
)
