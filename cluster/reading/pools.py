"""Reads `cluster.servers` and `cluster.pools[]`: how many machines of which kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from cluster import images, rollout
from cluster.images import Image
from cluster.model import SERVERS, NodePool, Role, Spot, Taint
from cluster.reading import checks, kubernetes
from cluster.reading.findings import Section, spell
from cluster.reading.k3s import passed_through

_SERVER_FAULTS = {
    0: "make no cluster",
    2: "cannot keep a majority when one is lost",
    3: "are not available yet",
    4: "keep their majority through the loss of one only, as 3 do",
    5: "are not available yet",
}
_TOO_MANY = "are no size of a control plane"


def read_servers(section: Section, image: Image | None, k3s_minor: str) -> NodePool | None:
    count = section.whole("count", "use 1")
    if count is not None and count != 1:
        section.report("count", f"{count} servers {_SERVER_FAULTS.get(count, _TOO_MANY)}", "use 1")
    return _pool(section, SERVERS, count, "server", image, None, k3s_minor)


def read_pools(top: Section, image: Image | None, k3s_minor: str) -> list[NodePool | None]:
    taken = {SERVERS: "the servers' own pool"}
    pools = []
    for section in top.sections("pools"):
        name = checks.pool_name(section, taken)
        if name is not None:
            taken[name] = spell(section.path)
        count, spot = section.number("count"), _spot(section)
        pool = _pool(section, name, count, "agent", image, spot, k3s_minor)
        max_unavailable = section.number_or_percentage("maxUnavailable")
        if pool is not None and max_unavailable is not None:
            pool = dataclasses.replace(
                pool, max_unavailable=rollout.limit(max_unavailable, pool.count)
            )
        pools.append(pool)
    return pools


def _pool(
    section: Section,
    name: str | None,
    count: int | None,
    role: Role,
    image: Image | None,
    spot: Spot | None,
    k3s_minor: str,
) -> NodePool | None:
    instance_type = checks.instance_type(section)
    root_volume_gib = section.number("rootVolumeGib")
    labels = kubernetes.labels(section)
    taints = _taints(section)
    k3s: Mapping[str, Any] | None = passed_through(section, "k3s", role, k3s_minor)
    own_image = read_image(section.section("image"), image)
    if (
        name is None
        or count is None
        or instance_type is None
        or root_volume_gib is None
        or labels is None
        or taints is None
        or k3s is None
        or own_image is None
    ):
        return None
    return NodePool(
        name=name,
        role=role,
        count=count,
        instance_type=instance_type,
        root_volume_gib=root_volume_gib,
        labels=labels,
        taints=taints,
        spot=spot,
        image=own_image,
        k3s=k3s,
        path=spell(section.path),
    )


def _spot(section: Section) -> Spot | None:
    wanted = section.flag("spot")
    price = checks.shaped(section, "spotMaxPrice", "a price", "write US dollars, such as") or None
    if wanted is False and "spotMaxPrice" in section:
        section.report("spotMaxPrice", "is set, and the pool is not spot", "set spot: true")
    return Spot(max_price=price) if wanted else None


def _taints(section: Section) -> tuple[Taint, ...] | None:
    found = [kubernetes.taint(each) for each in section.sections("taints")]
    if None in found:
        return None
    taints = tuple(each for each in found if each is not None)
    for index, each in enumerate(taints):
        if any((each.key, each.effect) == (other.key, other.effect) for other in taints[:index]):
            section.findings.add(
                (*section.path, "taints", index),
                f"{each.key} has the effect {each.effect} twice",
                "remove one of them",
            )
    return taints


def read_image(section: Section, base: Image | None) -> Image | None:
    """The image of the section; what it leaves out is that of `base`."""
    os = section.text("os", base.name if base and not base.ami else None)
    ami = checks.shaped(section, "id", "an AMI id", "write it as EC2 does, such as")
    user = checks.shaped(section, "loginUser", "a login name", "write a user's name, such as")
    generation = section.number("generation") if "generation" in section else None
    if ami and "os" in section:
        section.report("id", "is set beside os", "remove one of them")
    if user and not (ami or (base and base.ami)):
        section.report(
            "loginUser", "is set without id", "remove it: the program knows the user of its images"
        )
    if os is None or ami is None or user is None:
        return None
    image = images.KNOWN[os]
    if ami:
        image = Image(name=ami, login_user=user or image.login_user, parameters={}, ami=ami)
    elif base and base.ami and "os" not in section:
        image = dataclasses.replace(base, login_user=user or base.login_user)
    if generation is None:
        generation = base.generation if base else 1
    return dataclasses.replace(image, generation=generation)
