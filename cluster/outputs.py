"""
The outputs of a stack, each declared once: name, type, secrecy, when it is there, what it is.

They are what pipelines and other programs depend on (docs/outputs.md). The program exports through
this table (components/stack_outputs.py), and docs/outputs.schema.json is made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cluster import expiry, output_types, record

KUBECONFIG: Final = "kubeconfig"
ADMIN_KUBECONFIG: Final = "adminKubeconfig"
COST: Final = "cost"
IDENTITY_PREFIX: Final = "kubeconfig-"
ALWAYS: Final = "always"


class UndeclaredOutput(Exception):  # noqa: N818 - reads as the fact it states
    """A bug: the program exports what is not declared here, or not what has to be there."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """
    One output, or all that begin with `name` where `is_prefix`.

    `schema` is a JSON Schema (draft 7) of the value, `when` the condition under which it is there.
    """

    name: str
    schema: Mapping[str, Any]
    meaning: str
    secret: bool = False
    when: str = ALWAYS
    is_prefix: bool = False

    def matches(self, name: str) -> bool:
        """Whether it declares the output of this name."""
        return name.startswith(self.name) if self.is_prefix else name == self.name


OUTPUTS: Final = (
    Output(
        name=KUBECONFIG,
        schema=output_types.KUBECONFIG,
        secret=True,
        when="there is an identity",
        meaning="the kubeconfig of the first of the "
        "[identities](configuration.md#clusteridentities)",
    ),
    Output(
        name=IDENTITY_PREFIX,
        schema=output_types.KUBECONFIG,
        secret=True,
        when="of each identity",
        is_prefix=True,
        meaning="the kubeconfig of the identity with this name",
    ),
    Output(
        name=ADMIN_KUBECONFIG,
        schema=output_types.KUBECONFIG,
        secret=True,
        when="`cluster.adminKubeconfig` is true",
        meaning="the administrator's kubeconfig",
    ),
    Output(
        name="apiEndpoint",
        schema=output_types.API_ENDPOINT,
        meaning="where the Kubernetes API is: `https://<address>:6443`",
    ),
    Output(
        name="nodes",
        schema=output_types.NODES,
        meaning="each node: name, role, pool, instance, addresses, version of k3s, seconds until "
        "Ready; servers first",
    ),
    Output(
        name="bootReport",
        schema=output_types.BOOT_REPORT,
        meaning="by node, its machine's own account of its boot, phase by phase; `python -m "
        "timeline` draws it",
    ),
    Output(
        name="bom",
        schema=output_types.BOM,
        meaning="what the cluster is made of: images, k3s with its SHA-256 and source, versions of "
        "the program's packages",
    ),
    Output(
        name="snapshots",
        schema=output_types.SNAPSHOTS,
        when="`cluster.backup` is set",
        meaning="the S3 folder of the datastore's snapshots",
    ),
    Output(
        name=expiry.OUTPUT,
        schema=output_types.EXPIRES_AT,
        when="`cluster.ttl` is set",
        meaning="when the cluster ends, in UTC",
    ),
    Output(
        name=COST,
        schema=output_types.COST,
        meaning="about what it costs a month, an hour and until it expires, by item; null is not "
        "known ([cost.md](cost.md))",
    ),
    Output(
        name=record.OUTPUT,
        schema=output_types.CLUSTER_RECORD,
        meaning="the configuration of the last `up` by key, long values as hashes; the next "
        "preview compares with it",
    ),
)


def declared(name: str) -> Output:
    """The declaration of an output. Raises UndeclaredOutput."""
    for each in OUTPUTS:
        if each.matches(name):
            return each
    raise UndeclaredOutput(f'the output "{name}" is not declared in cluster/outputs.py')


def require_complete(names: Mapping[str, Any]) -> None:
    """Raises UndeclaredOutput unless every name is declared and what is always there is there."""
    for name in names:
        declared(name)
    missing = [each.name for each in OUTPUTS if each.when == ALWAYS and each.name not in names]
    if missing:
        raise UndeclaredOutput(f"the program does not export {', '.join(missing)}")


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs that are declared and not secret, in the order of their declarations."""
    kept = [each for each in OUTPUTS if not each.secret]
    return {name: values[name] for each in kept for name in values if each.matches(name)}


def identities(values: Mapping[str, Any]) -> list[str]:
    """The names of the identities that have a kubeconfig among the outputs."""
    return [
        each.removeprefix(IDENTITY_PREFIX) for each in values if each.startswith(IDENTITY_PREFIX)
    ]
