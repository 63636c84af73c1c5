"""
The configuration to the model: every problem at once, with its path and its fix.

The keys are declared in reading/keys/; what depends on several of them is checked in the readers.
What needs AWS, such as the architecture of an instance type, is checked in aws_checks.py.
"""

from __future__ import annotations

import dataclasses
import errno
from collections.abc import Mapping

from cluster import k3s_flags
from cluster.errors import Kind
from cluster.reading import (
    argument_needs,
    checks,
    endpoint,
    identities,
    ingress,
    k3s,
    k3s_values,
    listeners,
    machine_needs,
    manifests,
    network,
    pools,
    proxy,
    secret_check,
    settings,
    tags,
)
from cluster.reading.faults import Fault, not_an_object
from cluster.reading.keys import TOP
from cluster.reading.section import Problems, Section
from cluster.spec import Backup, ClusterSpec, Rotation


def _no_files(name: str) -> str:
    raise FileNotFoundError(errno.ENOENT, "no files are read here", name)


def load(raw: object, *, stack: str, read_file: manifests.ReadFile = _no_files) -> ClusterSpec:
    """
    The cluster the configuration describes. Raises ConfigError with all its problems.

    `read_file` gives the content of a manifest's file; it may raise OSError or ValueError.
    """
    problems = Problems(raw)
    if raw is None:
        fix = f"copy a file of examples/ into Pulumi.{stack}.yaml"
        problems.add((), Fault("is not set", fix, Kind.REQUIRED))
    elif not isinstance(raw, Mapping):
        problems.add((), not_an_object(raw, TOP.keys))
    problems.raise_if_any()
    secret_check.check(raw, problems)
    top = Section(raw, (), problems, TOP)
    spec = _read(top, stack, read_file)
    _check_together(top, spec)
    problems.raise_if_any()
    return dataclasses.replace(spec, warnings=problems.warnings)


def _check_together(top: Section, spec: ClusterSpec) -> None:
    """Reports what is right alone, and not with the rest."""
    passed = settings.read(top, spec)
    prefix = k3s_values.node_prefix(spec, passed)
    network.check_room(top["network"], spec, prefix)
    network.check_zones(top["network"], spec)
    ingress.check_rules(top["network"], spec)
    endpoint.check_record(top["endpoint"], spec)
    k3s_values.check(spec, passed)
    argument_needs.check(spec, passed)
    listeners.check(spec, passed)
    machine_needs.check(top, spec, passed)
    pools.check_taints(top, spec)
    pools.check_number(top, spec)


def _read(top: Section, stack: str, read_file: manifests.ReadFile) -> ClusterSpec:
    name = top["name"] or checks.name_after(stack)
    wanted = k3s.read(top["k3s"])
    minor = k3s_flags.minor_of(wanted.version)
    image = pools.read_image(top["image"], None)
    applied = manifests.read(top, wanted, read_file)
    allowed = identities.read(top, name)
    servers = pools.read_servers(top["servers"], image, minor)
    ranges = network.read(top["network"], wanted, agents=bool(top["pools"]))
    identities.check_charts(top, allowed, applied)
    return ClusterSpec(
        name=name,
        stack=stack,
        k3s=wanted,
        servers=servers,
        pools=pools.read_pools(top, image, minor),
        network=ranges,
        endpoint=endpoint.read(top["endpoint"], ranges, servers.count),
        node_deadline_seconds=top["nodeDeadlineSeconds"],
        drain_seconds=top["drainSeconds"],
        manifests=applied,
        identities=allowed,
        admin_kubeconfig=top["adminKubeconfig"],
        allow_data_loss=top["allowDataLoss"],
        own_tags=tags.read(top),
        rotation=Rotation(**top["rotation"].arguments()),
        proxy=proxy.read(top["proxy"]),
        backup=Backup(**top["backup"].arguments()) if "backup" in top else None,
        restore_from=top["restoreFrom"],
        ttl_seconds=top["ttl"],
        parameter_key_arn=top["parameterKmsKeyArn"],
    )
