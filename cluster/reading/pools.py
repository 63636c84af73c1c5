"""Reads `cluster.servers`, `cluster.pools[]` and `image`: how many machines of which kind."""

from __future__ import annotations

import dataclasses

from cluster import images, rollout
from cluster.errors import Kind
from cluster.images import Image
from cluster.reading.k3s import check_k3s_keys
from cluster.reading.section import Section, format_path
from cluster.spec import SERVERS, ClusterSpec, PoolSpec, Role, Spot, Taint

_KEEPS_AWAY = ("NoSchedule", "NoExecute")
_MOST_NODES = 5000


def read_servers(section: Section, image: Image, k3s_minor: str) -> PoolSpec:
    return _read_pool(section, SERVERS, "server", image, None, k3s_minor)


def read_pools(top: Section, image: Image, k3s_minor: str) -> tuple[PoolSpec, ...]:
    owners = {SERVERS: "the servers' own pool"}
    for section in top["pools"]:
        section.require_unique("name", owners, "builders")
    return tuple(_read_agents(each, image, k3s_minor) for each in top["pools"])


def _read_agents(section: Section, image: Image, k3s_minor: str) -> PoolSpec:
    spot = _read_spot(section)
    pool = _read_pool(section, section["name"], "agent", image, spot, k3s_minor)
    limit = rollout.limit(section["maxUnavailable"], pool.count)
    return dataclasses.replace(pool, max_unavailable=limit)


def _read_pool(
    section: Section, name: str, role: Role, image: Image, spot: Spot | None, k3s_minor: str
) -> PoolSpec:
    check_k3s_keys(section, "k3s", role, k3s_minor)
    fields = {
        **section.arguments(without=("maxUnavailable", "spot", "spotMaxPrice")),
        "name": name,
        "role": role,
        "taints": _read_taints(section),
        "spot": spot,
        "image": read_image(section["image"], image),
        "path": format_path(section.path),
    }
    return PoolSpec(**fields)


def _read_spot(section: Section) -> Spot | None:
    given = "spotMaxPrice" in section and section.valid("spot", "spotMaxPrice")
    if given and not section["spot"]:
        what, fix = "is set, and the pool is not spot", "set spot: true"
        section.report("spotMaxPrice", what, fix, Kind.CONFLICT)
    return Spot(max_price=section["spotMaxPrice"]) if section["spot"] else None


def _read_taints(section: Section) -> tuple[Taint, ...]:
    taints = tuple(Taint(**each.arguments()) for each in section["taints"])
    if all(each.valid("key", "effect") for each in section["taints"]):
        for index, each in enumerate(taints):
            if (each.key, each.effect) in [(one.key, one.effect) for one in taints[:index]]:
                what = f"{each.key} has the effect {each.effect} twice"
                fix, kind = "remove one of them", Kind.DUPLICATE
                section.report("taints", what, fix, kind, below=(index,))
    return taints


def check_taints(top: Section, spec: ClusterSpec) -> None:
    """Warns where no machine takes a pod without tolerations, such as the one of a chart."""
    used = [pool for pool in spec.all_pools if pool.count]
    if all(any(each.effect in _KEEPS_AWAY for each in pool.taints) for pool in used):
        what = "every machine has a taint: pods without a toleration, such as charts', stay pending"
        fix = "add a pool without taints, or remove one with the effect NoSchedule or NoExecute"
        top["servers"].warn("taints", what, fix)


def check_number(top: Section, spec: ClusterSpec) -> None:
    """https://kubernetes.io/docs/setup/best-practices/cluster-large/"""
    number = sum(pool.count for pool in spec.all_pools)
    if number > _MOST_NODES:
        what = f"{number} nodes are more than the {_MOST_NODES} that Kubernetes supports"
        top.report("pools", what, "ask for fewer", Kind.LIMIT)


def read_image(section: Section, base: Image | None) -> Image:
    """The image of the section; what it leaves out is that of `base`."""
    ami, user = section["id"], section["loginUser"]
    own_base = base if base and base.ami else None
    if ami and "os" in section and section.valid("id", "os"):
        section.report("id", "is set beside os", "remove one of them", Kind.CONFLICT)
    if user and section.valid("loginUser") and not (ami or own_base):
        fix = "remove it: the images of the program have users of their own"
        section.report("loginUser", "is set without id", fix, Kind.CONFLICT)
    inherited = base.name if base and not own_base else section["os"]
    image = images.KNOWN[section.get("os", inherited)]
    if ami:
        image = Image(name=ami, login_user=user or image.login_user, parameters={}, ami=ami)
    elif own_base and "os" not in section:
        image = dataclasses.replace(own_base, login_user=user or own_base.login_user)
    generation = section.get("generation", base.generation if base else 1)
    return dataclasses.replace(image, generation=generation)
