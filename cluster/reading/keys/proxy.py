"""The keys of `proxy`."""

from __future__ import annotations

import re
from ipaddress import IPv4Network

from cluster.effect import Effect
from cluster.errors import Kind
from cluster.reading import registry_hosts
from cluster.reading.declarations import Object, String, Strings
from cluster.reading.faults import Fault, quoted

_EXAMPLE = "http://squid.example.com:3128"
_FIX = f"write scheme, host and port, such as {quoted(_EXAMPLE)}"
# An address or a range, and no name.
_NUMBERS = re.compile(r"[0-9][0-9.]*(/[0-9]{1,2})?")


def _url(text: str) -> Fault | None:
    if "@" in text:
        # Not quoted: what stands before the sign may be a password.
        what = "credentials in a URL would be readable in user data and on the machines"
        return Fault(what, "let the proxy admit the machines by their addresses", Kind.SECRET)
    scheme, separator, rest = text.partition("://")
    if separator and scheme == "https":
        what = f"{quoted(text)} is a proxy with TLS of its own, which the boot program cannot use"
        return Fault(what, _FIX, Kind.UNAVAILABLE)
    host = rest.removesuffix("/")
    if scheme != "http" or ":" not in host or registry_hosts.host(host):
        return Fault(f"{quoted(text)} is not a valid URL of a proxy", _FIX)
    return None


def _direct(text: str) -> Fault | None:
    if not _is_direct(text):
        fix = 'write a name, an address or a range, such as ".example.com" or "10.0.0.0/8"'
        return Fault(f"{quoted(text)} is not a valid entry", fix)
    return None


def _is_direct(text: str) -> bool:
    host, colon, port = text.partition(":")
    if not _NUMBERS.fullmatch(host):
        return text == "*" or registry_hosts.is_host(text.removeprefix("."))
    return _is_range(host) and (not colon or ("/" not in host and registry_hosts.is_port(port)))


def _is_range(text: str) -> bool:
    try:
        IPv4Network(text, strict=False)
    except ValueError:
        return False
    return True


def _without_slash(url: str) -> str:
    return url.removesuffix("/")


PROXY = Object(
    "the HTTP proxy of the machines: of k3s, its images, and the boot program",
    default_text="no proxy",
    keys={
        "httpProxy": String(
            "for http URLs, and for https URLs unless `httpsProxy` is set; without credentials",
            Effect.IN_PLACE,
            default_text="none",
            example=_EXAMPLE,
            check=_url,
            parser=_without_slash,
        ),
        "httpsProxy": String(
            "for https URLs",
            Effect.IN_PLACE,
            default_text="`httpProxy`",
            example=_EXAMPLE,
            check=_url,
            parser=_without_slash,
        ),
        "noProxy": Strings(
            "what is reached without it, besides the cluster's own ranges and names",
            Effect.IN_PLACE,
            item=String(example=".example.com", check=_direct),
        ),
    },
)
