"""
The names of image registries, and what their credentials consist of.

containerd looks credentials up by the host that it connects to, with the port where there is one:
https://docs.k3s.io/installation/private-registry#configs
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from cluster.errors import Kind
from cluster.reading.faults import Fault, quoted

ANY = "*"
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9-]*[A-Za-z0-9])*")
# https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4
_LONGEST, _LONGEST_LABEL = 253, 63
_FIX = 'write host or host:port, such as "registry.example.com:5000"'
# Names of Docker Hub that k3s does not look at.
_DOCKER_HUB = ("index.docker.io", "hub.docker.com", "www.docker.io", "auth.docker.io")


def host(text: str) -> Fault | None:
    """The check of a registry's host, with or without a port."""
    if "@" in text:
        # Not quoted: what stands before the sign may be a password.
        return Fault("credentials in the name of a registry would be readable", _FIX, Kind.SECRET)
    if "://" in text or "/" in text:
        return Fault(f"{quoted(text)} is not the name of a registry, which has no path", _FIX)
    if not is_host(text):
        return Fault(f"{quoted(text)} is not a valid name of a registry", _FIX)
    if text.partition(":")[0] in _DOCKER_HUB:
        return Fault(f"{quoted(text)} is not looked up by k3s", 'write "docker.io"')
    return None


def host_or_any(text: str) -> Fault | None:
    """The check of a registry's host, or `*` for every one that is not named."""
    return None if text == ANY else host(text)


def is_host(text: str) -> bool:
    """Whether the text is a name or an IPv4 address, with or without a port."""
    name, colon, port = text.partition(":")
    return (
        bool(_HOST.fullmatch(name))
        and len(name) <= _LONGEST
        and not any(len(each) > _LONGEST_LABEL for each in name.split("."))
        and (is_port(port) if colon else True)
    )


def is_port(text: str) -> bool:
    """Whether the text is the number of a port."""
    return bool(re.fullmatch(r"[1-9][0-9]{0,4}", text)) and int(text) <= 65535


def credentials(fields: Mapping[str, Any]) -> Fault | None:
    """What is wrong with the credentials for one registry; no value is shown."""
    given = {name for name, value in fields.items() if value not in (None, "")}
    fix = "set username and password, or auth, or identity_token"
    for one, other in (("username", "password"), ("password", "username")):
        if one in given and other not in given and not {"auth", "identity_token"} & given:
            return Fault(f"has a {one} and no {other}", fix, Kind.REQUIRED)
    if not {"password", "auth", "identity_token"} & given:
        return Fault("has no credentials", fix, Kind.REQUIRED)
    if any(not each.isprintable() for each in fields.values() if isinstance(each, str)):
        return Fault(
            "has a control character, such as the end of a line", "remove it, and set it again"
        )
    if ":" in (fields.get("username") or ""):
        return Fault("has a colon in its username, which ends it", fix)
    if "auth" in given and not _is_basic(fields["auth"]):
        what = "auth must be the base64 of username:password"
        return Fault(what, "set username and password in place of it")
    return None


def _is_basic(text: Any) -> bool:
    try:
        return b":" in base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        return False
