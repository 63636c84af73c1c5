"""Checks of single strings: names, URLs, address ranges. Each gives a fault, or None."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError

from cluster.errors import Kind
from cluster.reading import registry_hosts, reserved
from cluster.reading.faults import Fault, quoted
from cluster.spec import CALLER, NODES

# A Kubernetes node name has 63 characters: <cluster>-<pool>-<8 digits of the instance id>.
NAME_LENGTH = 32
POOL_NAME_LENGTH = 21
LABEL_LENGTH = 63
# k3s installs a chart by the Job helm-install-<name>, and its name is a label of the Job's pods.
# https://github.com/k3s-io/helm-controller/blob/main/pkg/controllers/chart/chart.go
CHART_NAME_LENGTH = LABEL_LENGTH - len("helm-install-")
NAME_PATTERN = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKETS = "the name of a bucket that S3 keeps to itself"
_RESERVED = {
    "sg-": "the id of a security group, which EC2 refuses in names",
    "xn--": _BUCKETS,
    "sthree-": _BUCKETS,
    "amzn-s3-demo-": _BUCKETS,
}

_URL = re.compile(r"https?://([^/]+)(/[!-~]*)?")


def name_check(length: int, example: str) -> Callable[[str], Fault | None]:
    """The check of a name that becomes part of the name of a Kubernetes object."""

    def check(name: str) -> Fault | None:
        what = _name_fault(name, length)
        fix = f"choose another name, such as {quoted(example)}"
        return Fault(f"{quoted(name)} {what}", fix) if what else None

    return check


def cluster_name(name: str) -> Fault | None:
    for start, use in _RESERVED.items():
        if f"{name}-".startswith(start):
            what = f"{quoted(name)} begins like {use}"
            return Fault(what, 'choose another name, such as "demo"')
    return name_check(NAME_LENGTH, "demo")(name)


def _name_fault(name: str, length: int) -> str | None:
    if not re.fullmatch(NAME_PATTERN, name):
        return "may have lower-case letters, digits and inner hyphens only"
    if len(name) > length:
        return f"has {len(name)} characters, {length} are allowed"
    return None


def name_after(stack: str) -> str:
    """
    The cluster's name when only the stack has one: the same where it can be, else one that fits.

    Pulumi allows capitals, dots, underscores and 100 characters in a stack's name. A piece of its
    hash keeps apart what would become one name.
    """
    if cluster_name(stack) is None:
        return stack
    mark = hashlib.sha256(stack.encode()).hexdigest()[:6]
    readable = re.sub(r"[^a-z0-9]+", "-", stack.lower()).strip("-")
    if not readable or _is_reserved(readable):
        readable = f"k3s-{readable}"
    return f"{readable[: NAME_LENGTH - len(mark) - 1].strip('-')}-{mark}"


def _is_reserved(name: str) -> bool:
    return f"{name}-".startswith(tuple(_RESERVED))


def namespace(name: str) -> Fault | None:
    if re.fullmatch(NAME_PATTERN, name) and len(name) <= LABEL_LENGTH:
        return None
    fix = f"write lower-case letters, digits and inner hyphens, at most {LABEL_LENGTH}"
    return Fault(f"{quoted(name)} is not a valid namespace name", fix)


def date(text: str) -> Fault | None:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return Fault(f"{quoted(text)} is not a valid date", "write a day that exists")
    return None


def base_url_check(example: str) -> Callable[[str], Fault | None]:
    """The check of an http or https URL without a query."""
    fix = f"for example {quoted(example)}"

    def check(url: str) -> Fault | None:
        if "@" in url:
            # Not quoted: what stands before the sign may be a password.
            what = "credentials in a URL would be readable in user data"
            return Fault(what, fix, Kind.SECRET)
        if "?" in url or "#" in url:
            return Fault(f"{quoted(url)} has a query or a fragment, which is not available", fix)
        match = _URL.fullmatch(url)
        if match is None or not registry_hosts.is_host(match[1]):
            return Fault(f"{quoted(url)} is not a valid http or https URL", fix)
        return None

    return check


def without_slash(url: str) -> str:
    return url.rstrip("/")


def range_check(widest: int, narrowest: int, example: str) -> Callable[[str], Fault | None]:
    """The check of an IPv4 range whose prefix lies between the two, both included."""

    def check(text: str) -> Fault | None:
        fault = cidr(text)
        if fault is None and not widest <= IPv4Network(text).prefixlen <= narrowest:
            fix = f"choose a prefix from /{widest} to /{narrowest}, such as {quoted(example)}"
            fault = Fault(f"{text} is out of range", fix)
        return fault or reserved.own(IPv4Network(text), example)

    return check


def allowed_range(text: str) -> Fault | None:
    """An entry of an allow-list."""
    return None if text == CALLER else cidr(text) or reserved.source(IPv4Network(text))


def source(text: str) -> Fault | None:
    """A source of an ingress."""
    return None if text == NODES else allowed_range(text)


def cidr(text: str) -> Fault | None:
    """An IPv4 range in its usual form."""
    if "/" not in text and is_address(text):
        fix = f"for one address write {quoted(text + '/32')}"
        return Fault(f"{quoted(text)} has no prefix length", fix)
    if ":" in text:
        what = f"{quoted(text)} is IPv6, which is not available yet"
        return Fault(what, "use an IPv4 range", Kind.UNAVAILABLE)
    address = text.partition("/")[0]
    try:
        network = IPv4Network(text, strict=False)
        first = IPv4Address(address)
    except (AddressValueError, NetmaskValueError, ValueError):
        fix = 'write address and prefix, such as "203.0.113.0/24"'
        return Fault(f"{quoted(text)} is not a valid IPv4 range", fix)
    usual = quoted(str(network))
    if first != network.network_address:
        fix = f"write {quoted(address + '/32')} for the one address, or {usual}"
        return Fault(f"{quoted(text)} begins inside the range {network}", fix)
    if text != str(network):
        return Fault(f"{quoted(text)} is not in its usual form", f"write {usual}")
    return None


def dns_name(text: str) -> Fault | None:
    """A name in the DNS, with a domain."""
    fix = 'write a name in lower case with its domain, such as "k3s.example.com"'
    if is_address(text):
        return Fault(f"{quoted(text)} is an address", fix)
    labels = text.split(".")
    well_formed = all(re.fullmatch(NAME_PATTERN, each) and len(each) <= 63 for each in labels)
    if not well_formed or len(labels) < 2 or len(text) > 253 or labels[-1].isdigit():
        return Fault(f"{quoted(text)} is not a valid DNS name", fix)
    return None


def is_address(text: str) -> bool:
    """Whether the text is an IPv4 address."""
    try:
        IPv4Address(text)
    except AddressValueError:
        return False
    return True


_SERVER_COUNTS = {
    0: "make no cluster",
    2: "cannot keep a majority when one is lost",
    4: "keep their majority through the loss of one only, as 3 do",
}


def server_count(count: int) -> Fault | None:
    if count in (1, 3, 5):
        return None
    why = _SERVER_COUNTS.get(count, "are not a valid size of a control plane")
    return Fault(f"{quoted(count)} servers {why}", "use 1, 3 or 5")
