"""What EC2 says about the instance types, joined with the model: the second half of its making."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

from cluster.errors import ConfigError, Problem
from cluster.model import Architecture, Cluster, NodePool


def resolve(cluster: Cluster, supported: Mapping[str, Sequence[str]]) -> Cluster:
    """
    The cluster with the architecture of each instance type.

    `supported` is, for each of `cluster.instance_types`, what EC2's `supportedArchitectures`
    lists; an empty list stands for a type EC2 does not know in this region. Raises ConfigError.
    """
    known = {name: _first_usable(supported[name]) for name in cluster.instance_types}
    problems = [
        problem for pool in cluster.all_pools for problem in _problems(cluster, pool, known)
    ]
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return dataclasses.replace(
        cluster, architectures={name: found for name, found in known.items() if found}
    )


def _first_usable(supported: Sequence[str]) -> Architecture | None:
    # EC2 lists ["i386", "x86_64"] for old types.
    return next((each for each in get_args(Architecture) if each in supported), None)


def _problems(
    cluster: Cluster, pool: NodePool, known: Mapping[str, Architecture | None]
) -> Iterator[Problem]:
    architecture = known[pool.instance_type]
    if architecture is None:
        yield Problem(
            f"{pool.path}.instanceType",
            f'"{pool.instance_type}" is no instance type EC2 offers here for arm64 or x86_64',
            "see the types of the region: aws ec2 describe-instance-type-offerings",
        )
    elif architecture not in cluster.k3s.sha256:
        yield Problem(
            f"cluster.k3s.sha256.{architecture}",
            f"no SHA-256 is known for {cluster.k3s.version} on {architecture}, "
            f'which "{pool.instance_type}" needs',
            f"set it from sha256sum-{'amd64' if architecture == 'x86_64' else 'arm64'}.txt "
            "of the release, or choose another cluster.k3s.version",
        )
