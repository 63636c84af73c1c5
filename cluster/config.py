"""
The configuration to the model: every problem at once, with its path and its fix.

Which keys there are is said in reading/keys.py, what may stand under them in the readers beside it.
What needs AWS, such as the architecture of an instance type, is checked in aws_facts.py.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping

from cluster import k3s_flags
from cluster.reading import checks, identities, k3s, manifests, network, pools, secrets, tags
from cluster.reading.findings import Findings, Section, sure
from cluster.reading.keys import TOP
from cluster.releases import DEFAULT_VERSION
from cluster.spec import ClusterSpec


def _no_files(name: str) -> str:
    raise FileNotFoundError(errno.ENOENT, "no files are read here", name)


def load(raw: object, *, stack: str, read_file: manifests.ReadFile = _no_files) -> ClusterSpec:
    """
    The cluster the configuration describes. Raises ConfigError with all its problems.

    `read_file` gives the content of a manifest's file; it may raise OSError or ValueError.
    """
    findings = Findings(raw)
    if raw is None:
        findings.add((), "is not set", f"copy a file of examples/ into Pulumi.{stack}.yaml")
        findings.raise_if_any()
    top = Section(raw, (), findings, TOP.keys)
    if not isinstance(raw, Mapping):
        findings.raise_if_any()
    name = checks.cluster_name(top, stack)
    image = pools.read_image(top.section("image"), None)
    wanted = k3s.read(top.section("k3s"))
    k3s_minor = k3s_flags.minor_of(wanted.version if wanted else DEFAULT_VERSION)
    servers = pools.read_servers(top.section("servers"), image, k3s_minor)
    agents = pools.read_pools(top, image, k3s_minor)
    place = top.section("network")
    ranges = network.read(place, wanted)
    own_tags = tags.read(top)
    rotation = secrets.read_rotation(top.section("rotation"))
    key_arn = secrets.read_key_arn(top)
    applied = manifests.read(top, wanted, read_file)
    allowed = identities.read(top, name)
    admin_kubeconfig = top.flag("adminKubeconfig")
    deadline, drain = top.number("nodeDeadlineSeconds"), top.number("drainSeconds")
    if ranges is not None and None not in (servers, *agents):
        checks.room(place, [sure(pool) for pool in (servers, *agents)], ranges)
    findings.raise_if_any()
    return ClusterSpec(
        name=sure(name),
        stack=stack,
        manifests=applied,
        identities=allowed,
        admin_kubeconfig=sure(admin_kubeconfig),
        own_tags=own_tags,
        rotation=sure(rotation),
        parameter_key_arn=key_arn or None,
        k3s=sure(wanted),
        servers=sure(servers),
        pools=tuple(map(sure, agents)),
        network=sure(ranges),
        node_deadline_seconds=sure(deadline),
        drain_seconds=sure(drain),
        warnings=findings.warnings,
    )
