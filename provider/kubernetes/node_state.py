"""
The status of a Node, as the API shows it.

A kubelet writes it, and so does whoever took its machine over: each value has a form of its own,
and one that has not is left out.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cluster import untrusted_text
from provider.kubernetes.api_errors import check_shape

INVALID_VERSION: Final = "invalid"
"""Stands for the version of a kubelet that is not one."""

SERVER_LABEL: Final = "node-role.kubernetes.io/control-plane"
"""The label of servers, which k3s sets."""

ETCD_LABEL: Final = "node-role.kubernetes.io/etcd"
"""The label of members of etcd, which k3s sets; by it, k3s removes the member with the Node."""

CORDONED: Final = "k3s-aws/cordoned-for-change"
"""The annotation of a Node that is unschedulable until a change of it has ended."""

_VERSION: Final = re.compile(r"v\d[\w.+-]{0,62}", re.ASCII)
_ARCHITECTURE: Final = re.compile(r"[a-z0-9_]{1,16}")
_BOOT_ID: Final = re.compile(r"[\w-]{1,64}", re.ASCII)
_ARCHITECTURES: Final = {"amd64": "x86_64"}


@dataclass(frozen=True, kw_only=True)
class NodeState:
    """The status of a Node; `reason` is why it is not ready."""

    ready: bool
    reason: str
    kubelet_version: str
    architecture: str
    internal_ip: str
    boot_id: str
    """The boot of the machine that the kubelet last reported from."""
    is_member: bool = False
    """Whether it is a server with a member of etcd."""
    unschedulable: bool = False
    cordoned_for_change: bool = False
    """Whether it is unschedulable because of a change that this provider made, or makes."""


def parse(node: Mapping[str, Any]) -> NodeState:
    """The status of a Node object; raises ApiError for what is none."""
    with check_shape():
        return _parse(node)


def _parse(node: Mapping[str, Any]) -> NodeState:
    status = node.get("status", {})
    info = status.get("nodeInfo", {})
    conditions = {each["type"]: each for each in status.get("conditions", ())}
    addresses = {each["type"]: each["address"] for each in status.get("addresses", ())}
    ready = conditions.get("Ready", {})
    architecture = _matching(_ARCHITECTURE, info.get("architecture"))
    version = info.get("kubeletVersion")
    return NodeState(
        ready=ready.get("status") == "True",
        reason=_reason(ready),
        kubelet_version=(_matching(_VERSION, version) or INVALID_VERSION) if version else "",
        architecture=_ARCHITECTURES.get(architecture, architecture),
        internal_ip=_address(addresses.get("InternalIP")),
        boot_id=_matching(_BOOT_ID, info.get("bootID")),
        is_member=ETCD_LABEL in (node["metadata"].get("labels") or {}),
        unschedulable=node.get("spec", {}).get("unschedulable") is True,
        cordoned_for_change=CORDONED in (node["metadata"].get("annotations") or {}),
    )


def _matching(form: re.Pattern[str], value: Any) -> str:
    return value if isinstance(value, str) and form.fullmatch(value) else ""


def _address(value: Any) -> str:
    try:
        return str(ipaddress.ip_address(value)) if isinstance(value, str) else ""
    except ValueError:
        return ""


def _reason(ready: Mapping[str, Any]) -> str:
    if not ready:
        return "the kubelet has not reported yet"
    reason, message = ready.get("reason", ""), ready.get("message", "")
    text = f"condition Ready is {ready.get('status')}: {reason}: {message}"
    return untrusted_text.one_line(text)
