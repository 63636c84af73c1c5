"""Checks of single values: names, instance types, versions, addresses. Each reports or approves."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError

from cluster import network
from cluster.reading.findings import Section, shown
from cluster.reading.keys import NAME_SHAPE
from cluster.spec import NetworkSpec, PoolSpec

# A Kubernetes node name has 63 characters: <cluster>-<pool>-<8 digits of the instance id>.
NAME_LENGTH = 32
POOL_NAME_LENGTH = 21

_NAME = re.compile(NAME_SHAPE)
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[!-~]*)?")


def name_fault(name: str, length: int) -> str | None:
    """What is wrong with a name that becomes part of node names, or None."""
    if not _NAME.fullmatch(name):
        return "may have lower-case letters, digits and inner hyphens only"
    if len(name) > length:
        return f"has {len(name)} characters, {length} are allowed"
    return None


def cluster_name(section: Section, stack: str) -> str | None:
    name = section.text("name", name_after(stack))
    fault = _cluster_name_fault(name) if name is not None else None
    if fault is not None:
        section.report("name", f"{shown(name)} {fault}", 'choose another name, such as "demo"')
        return None
    return name


def name_after(stack: str) -> str:
    """
    The cluster's name when only the stack has one: the same where it can be, else one that fits.

    Pulumi allows capitals, dots, underscores and 100 characters in a stack's name. A piece of its
    hash keeps apart what would become one name.
    """
    if _cluster_name_fault(stack) is None:
        return stack
    mark = hashlib.sha256(stack.encode()).hexdigest()[:6]
    readable = re.sub(r"[^a-z0-9]+", "-", stack.lower()).strip("-")
    if not readable or _looks_like_a_group(readable):
        readable = f"k3s-{readable}"
    return f"{readable[: NAME_LENGTH - len(mark) - 1].strip('-')}-{mark}"


def _cluster_name_fault(name: str) -> str | None:
    if _looks_like_a_group(name):
        return "begins like the id of a security group, which EC2 refuses in names"
    return name_fault(name, NAME_LENGTH)


def _looks_like_a_group(name: str) -> bool:
    return f"{name}-".startswith("sg-")


def pool_name(section: Section, taken: dict[str, str]) -> str | None:
    """The name of a pool; `taken` maps the names in use to their owners."""
    name = section.text("name")
    if name is None:
        return None
    fault = name_fault(name, POOL_NAME_LENGTH)
    if fault is None and name in taken:
        fault = f"is already the name of {taken[name]}"
    if fault is not None:
        section.report("name", f"{shown(name)} {fault}", 'choose another name, such as "builders"')
        return None
    return name


def shaped(section: Section, key: str, what: str, fix: str) -> str | None:
    """
    A text of the key's declared shape; "" when it is left out, None when it is wrong.

    `what` is the thing it should be, `fix` an instruction that ends before the example.
    """
    declared = section.declared(key)
    text = section.text(key, "" if declared.default is None else None)
    if text and not re.fullmatch(declared.shape, text):
        section.report(key, f"{shown(text)} is not {what}", f"{fix} {shown(declared.example)}")
        return None
    return text


def instance_type(section: Section) -> str | None:
    return shaped(
        section, "instanceType", "shaped like an instance type", "write family and size, such as"
    )


def k3s_version(section: Section) -> str | None:
    return shaped(section, "version", "shaped like a k3s release", "write it in full, such as")


def base_url(section: Section, key: str) -> str | None:
    url = section.text(key)
    if url is None:
        return None
    fix = f"for example {shown(section.declared(key).example)}"
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
    digest = section.text(key)
    if digest is not None and not re.fullmatch(section.declared(key).shape, digest):
        section.report(
            key,
            f"{shown(digest)} is not a SHA-256",
            "write its 64 lower-case hexadecimal digits",
        )
        return None
    return digest


def each_once(section: Section, key: str, shape: str, what: str) -> tuple[str, ...]:
    """A list of texts of one shape, none of them twice."""
    accepted: list[str] = []
    for path, text in section.texts(key):
        if not re.fullmatch(shape, text):
            fix = f"write it as EC2 does, such as {shown(section.declared(key).example)}"
            section.findings.add(path, f"{shown(text)} is not {what}", fix)
        elif text in accepted:
            section.findings.add(path, f"{text} is listed twice", "remove one of them")
        else:
            accepted.append(text)
    return tuple(accepted)


def address_range(section: Section, key: str, *, widest: int, narrowest: int) -> IPv4Network | None:
    """An IPv4 range whose prefix lies between the two, both included."""
    text = section.text(key)
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
            f"choose a prefix from /{widest} to /{narrowest}, such as "
            f"{shown(section.declared(key).example)}",
        )
        return None
    return network


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
    """A range of the configuration: its key, whose it is, its value."""

    key: str
    whose: str
    network: IPv4Network | None


def room(section: Section, pools: Sequence[PoolSpec], ranges: NetworkSpec) -> None:
    """Reports ranges with fewer addresses than there are machines and pods."""
    nodes = sum(pool.count for pool in pools)
    places = len(ranges.subnet_ids) or max(1, len(ranges.availability_zones))
    # The machines of each pool begin with the first subnet.
    fullest = sum(-(-pool.count // places) for pool in pools)
    free = network.machines_in(ranges.vpc_cidr, places)
    if fullest > free and not ranges.subnet_ids:
        section.report(
            "vpcCidr",
            f"a subnet in {ranges.vpc_cidr} has room for {free} machines, and {fullest} are "
            "asked for",
            f"choose a wider range, such as {shown(section.declared('vpcCidr').default)}, or "
            "fewer nodes",
        )
    if nodes > network.nodes_in(ranges.cluster_cidr):
        section.report(
            "clusterCidr",
            f"{ranges.cluster_cidr} has room for the pods of "
            f"{network.nodes_in(ranges.cluster_cidr)} nodes, and {nodes} are asked for",
            'choose a wider range, such as "10.128.0.0/12", or fewer nodes',
        )


def overlaps(section: Section, ranges: Sequence[NamedRange]) -> None:
    """Reports each two ranges that share addresses, at the one that was set."""
    for one, other in itertools.combinations(ranges, 2):
        if one.network is None or other.network is None or not one.network.overlaps(other.network):
            continue
        chosen = other if one.key not in section and other.key in section else one
        section.report(
            chosen.key,
            f"the {one.whose} range {one.network} overlaps the {other.whose} range {other.network}",
            "choose ranges that share no address; "
            f"{shown(section.declared(chosen.key).default)} is the default",
        )
