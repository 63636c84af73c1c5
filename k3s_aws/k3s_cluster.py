"""K3sCluster as other programs use it: from the configuration to the resources."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pulumi

from cluster import expiry, overlay, record, record_json, stack_config
from cluster.errors import ClusterError
from cluster.reading import login_key, registry_auth
from cluster.reading.manifests import ReadFile
from cluster.reading.section import ROOT
from cluster.stack_config import StackValue
from components import engine, k3s_cluster, preparation, project_files
from components.lookups import LookupFailed
from k3s_aws import aws_provider, cluster_names, inputs, last_record


@dataclass(frozen=True, kw_only=True)
class K3sClusterArgs:
    """A cluster as the stack's configuration of the program has it (docs/configuration.md)."""

    cluster: pulumi.Input[Mapping[str, Any]]
    """What `k3s-aws:cluster` holds. Without `name` the resource's name is the cluster's."""
    registry_auth: pulumi.Input[Mapping[str, Any]] | None = None
    """Passwords of image registries by host, as `k3s-aws:registryAuth`; becomes secret."""
    login_key: pulumi.Input[str] | None = None
    """Your own SSH key to log in with, as `k3s-aws:loginKey`; becomes secret."""
    files: Path | str | None = None
    """The folder of the files in `cluster.manifests`; without it none can be named."""


class K3sCluster(k3s_cluster.K3sCluster):
    """
    A k3s cluster on EC2: network, machines, kubeconfigs. It is there when every node is Ready.

    Asks AWS and compares with its last update before it registers anything. Ends the program with
    a message for everything that is wrong. Every input must be known at the preview.
    """

    cluster_record: Mapping[str, Any]
    """The configuration by key, which the next update is compared with."""

    def __init__(
        self, name: str, args: K3sClusterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        engine.require_version()
        cluster_names.take(name)
        try:
            given = inputs.read(
                {
                    ROOT: args.cluster,
                    overlay.KEY: None,
                    registry_auth.KEY: _secret(args.registry_auth),
                    login_key.KEY: _secret(args.login_key),
                }
            )
            prepared = _prepare(name, given.values, args.files, opts)
        except (ClusterError, LookupFailed) as error:
            raise pulumi.RunError(f"{name}: {error}") from None
        cluster_names.take_cluster(name, prepared.cluster)
        self.cluster_record = record_json.render(record.of(prepared.cluster))
        # As plain values they would not hold up the deletion of what they are from.
        sources = pulumi.ResourceOptions(depends_on=[*filter(_is_one, given.resources)])
        super().__init__(name, prepared, pulumi.ResourceOptions.merge(opts, sources))

    @property
    def kubeconfig(self) -> pulumi.Output[str] | None:
        """The kubeconfig of the first identity; secret."""
        return next(iter(self.kubeconfigs.values()), None)

    def _registered(self) -> Mapping[str, Any]:
        # What the next update asks for: this program's stack may export none of it.
        recorded = {"nodes": self.nodes, "bom": self.bom, record.OUTPUT: self.cluster_record}
        ends = {} if self.expires_at is None else {expiry.OUTPUT: self.expires_at}
        return {**super()._registered(), **recorded, **ends}


def _prepare(
    name: str,
    values: Mapping[str, StackValue],
    files: Path | str | None,
    opts: pulumi.ResourceOptions | None,
) -> k3s_cluster.K3sClusterArgs:
    configured = stack_config.read(
        inputs.named(values, name), stack=pulumi.get_stack(), read_file=_reader(files)
    )
    via = aws_provider.of(opts)
    return preparation.prepare(
        configured,
        last_record.read(name, opts),
        releases=_releases(),
        now=datetime.now(UTC),
        via=via,
    )


def _is_one(source: pulumi.Resource) -> bool:
    """Whether it is no component that stands for its children, of which the cluster may be one."""
    return not isinstance(source, pulumi.ComponentResource) or source._remote


def _secret(value: Any) -> Any:
    return None if value is None else pulumi.Output.secret(value)


def _reader(folder: Path | str | None) -> ReadFile:
    return project_files.reader(Path(folder)) if folder else _no_files


def _no_files(name: str) -> str:
    raise PermissionError(1, "this program has no folder for files; write the text into content")


def _releases() -> Path:
    """Where releases of k3s are kept that go into a bucket, by their hash."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "k3s-aws" / "k3s-releases"
