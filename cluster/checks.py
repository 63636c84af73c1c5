"""Checks of single values: names, instance types, versions, addresses. Each reports or approves."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError

from cluster.findings import Findings, Section, shown

# A Kubernetes node name has 63 characters: <cluster>-<pool>-<8 digits of the instance id>.
NAME_LENGTH = 32
POOL_NAME_LENGTH = 21

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_INSTANCE_TYPE = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")
_VERSION = re.compile(r"v\d+\.\d+\.\d+(-rc\d+)?\+[a-z0-9]+")
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[!-~]*)?")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def name_fault(name: str, length: int) -> str | None:
    """What is wrong with a name that becomes part of node names, or None."""
    if not _LABEL.fullmatch(name):
        return "may have lower-case letters, digits and inner hyphens only"
    if len(name) > length:
        return f"has {len(name)} characters, {length} are allowed"
    return None


def cluster_name(section: Section, stack: str) -> str | None:
    given = "name" in section
    name = section.text("name", stack, "demo")
    if name is None:
        return None
    fault = name_fault(name, NAME_LENGTH)
    if fault is None and f"{name}-".startswith("sg-"):
        fault = "begins like the id of a security group, which EC2 refuses in names"
    if fault is None:
        return name
    whose = "" if given else "the name of the stack, "
    section.report("name", f"{whose}{shown(name)} {fault}", 'choose another name, such as "demo"')
    return None


def pool_name(section: Section, taken: dict[str, str]) -> str | None:
    """The name of a pool; `taken` maps the names in use to their owners."""
    name = section.text("name", None, "agents")
    if name is None:
        return None
    fault = name_fault(name, POOL_NAME_LENGTH)
    if fault is None and name in taken:
        fault = f"is already the name of {taken[name]}"
    if fault is not None:
        section.report("name", f"{shown(name)} {fault}", 'choose another name, such as "builders"')
        return None
    return name


def instance_type(section: Section, default: str) -> str | None:
    name = section.text("instanceType", default, default)
    if name is not None and not _INSTANCE_TYPE.fullmatch(name):
        section.report(
            "instanceType",
            f"{shown(name)} is not shaped like an instance type",
            f"write family and size, such as {shown(default)}",
        )
        return None
    return name


def k3s_version(section: Section, default: str) -> str | None:
    version = section.text("version", default, default)
    if version is not None and not _VERSION.fullmatch(version):
        section.report(
            "version",
            f"{shown(version)} is not shaped like a k3s release",
            f"write it in full, such as {shown(default)}",
        )
        return None
    return version


def base_url(section: Section, key: str, default: str) -> str | None:
    url = section.text(key, default, default)
    if url is None:
        return None
    fix = f"for example {shown(default)}"
    if "@" in url:
        # Not quoted: what stands before the sign may be a password.
        section.report(key, "credentials in a URL would be readable in user data", fix)
        return None
    if "?" in url or "#" in url:
        section.report(key, f"{shown(url)} has a query, so no path can be added to it", fix)
    elif not _URL.fullmatch(url):
        section.report(key, f"{shown(url)} is not an http or https URL", fix)
    else:
        return url.rstrip("/")
    return None


def sha256(section: Section, key: str) -> str | None:
    digest = section.text(key, None, "0" * 64)
    if digest is not None and not _SHA256.fullmatch(digest):
        section.report(
            key,
            f"{shown(digest)} is not a SHA-256",
            "write its 64 lower-case hexadecimal digits",
        )
        return None
    return digest


def address_range(
    section: Section, key: str, default: str, *, widest: int, narrowest: int
) -> IPv4Network | None:
    """An IPv4 range whose prefix lies between the two, both included."""
    text = section.text(key, default, default)
    if text is None:
        return None
    fault = cidr_fault(text)
    if fault is not None:
        section.report(key, *fault)
        return None
    network = IPv4Network(text)
    if not widest <= network.prefixlen <= narrowest:
        section.report(
            key,
            f"{text} is out of range",
            f"choose a prefix from /{widest} to /{narrowest}, such as {shown(default)}",
        )
        return None
    return network


def allowed_cidrs(section: Section, key: str, findings: Findings) -> tuple[str, ...]:
    """An allow-list; open to everybody only when 0.0.0.0/0 is spelled out."""
    accepted: list[str] = []
    why = "nothing is open by default, and the program itself has to reach the machines"
    for path, text in section.texts(key, why, "203.0.113.0/24"):
        fault = cidr_fault(text)
        if fault is None and text in accepted:
            fault = (f"{text} is listed twice", "remove one of them")
        if fault is None:
            accepted.append(text)
        else:
            findings.add(path, *fault)
    return tuple(accepted)


def cidr_fault(text: str) -> tuple[str, str] | None:
    """What is wrong with a text that should be an IPv4 range, and the fix; or None."""
    no_range = 'write address and prefix, such as "203.0.113.0/24"'
    if "/" not in text and _is_address(text):
        return f"{shown(text)} has no prefix length", f"for one address write {shown(text + '/32')}"
    if ":" in text:
        return f"{shown(text)} is IPv6, which is not available yet", "use an IPv4 range"
    address = text.partition("/")[0]
    try:
        network = IPv4Network(text, strict=False)
        first = IPv4Address(address)
    except (AddressValueError, NetmaskValueError, ValueError):
        return f"{shown(text)} is no IPv4 range", no_range
    if first != network.network_address:
        return (
            f"{shown(text)} begins inside the range {network}",
            f"write {shown(address + '/32')} for the one address, or {shown(str(network))}",
        )
    if text != str(network):
        return f"{shown(text)} is not in its usual form", f"write {shown(str(network))}"
    return None


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except AddressValueError:
        return False
    return True


@dataclass(frozen=True)
class NamedRange:
    """A range of the configuration: its key, whose it is, its value, and the default."""

    key: str
    whose: str
    network: IPv4Network | None
    default: str


def overlaps(section: Section, ranges: Sequence[NamedRange]) -> None:
    """Reports each two ranges that share addresses, at the one that was set."""
    for one, other in itertools.combinations(ranges, 2):
        if one.network is None or other.network is None or not one.network.overlaps(other.network):
            continue
        chosen = other if one.key not in section and other.key in section else one
        section.report(
            chosen.key,
            f"the {one.whose} range {one.network} overlaps the {other.whose} range {other.network}",
            f"choose ranges that share no address; {shown(chosen.default)} is the default",
        )
