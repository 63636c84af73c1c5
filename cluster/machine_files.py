"""
The files that the program and a machine share: paths, schema versions and fields.

One declaration for all rooms. Where none of it can be imported, a test compares: the boot program
on a machine (tests/cloud_init/test_machine_files.py), the boothook and the unit.
"""

# Without postponed annotations, with which Python 3.11 does not see which fields are optional.
import json
from typing import Any, Final, Literal, NotRequired, TypedDict

NODE: Final = "/etc/k3s-aws/node.json"
SECRETS: Final = "/etc/k3s-aws/secrets.json"
REPORT: Final = "/var/lib/k3s-aws/report.json"
BOOT_PROGRAM: Final = "/opt/k3s-aws/boot"
"""The folder of the package `boot`; it runs with the folder above as the current one."""
BACKUP_PROGRAM: Final = "/opt/k3s-aws/backup.py"
RESTORE_PROGRAM: Final = "/opt/k3s-aws/restore.py"
BOOT_UNIT: Final = "/etc/systemd/system/k3s-aws-boot.service"
EXPIRY_SERVICE: Final = "/etc/systemd/system/k3s-aws-expiry.service"
EXPIRY_TIMER: Final = "/etc/systemd/system/k3s-aws-expiry.timer"
"""It ends a machine of a cluster with a ttl."""
BOOT_LOG: Final = "/var/log/cloud-init-output.log"
PREPARED: Final = "/var/lib/k3s-aws/prepared"
"""The id of the instance for which the boothook wrote the files."""
RUNNING: Final = "/var/lib/k3s-aws/running"
"""A hash of what k3s was last started with."""
TOKENS: Final = "/var/lib/k3s-aws/tokens"
"""A hash of the tokens that k3s and its datastore have."""
CHANGING: Final = "/var/lib/k3s-aws/changing"
"""Exists while a running k3s is changed, until it runs with all of its new files."""
MANIFESTS: Final = "/var/lib/k3s-aws/manifests"
"""What was received of large manifests, until they are installed."""
CORDONED: Final = "/var/lib/k3s-aws/cordoned"
"""There while the machine's own drain has cordoned its node."""
LOGIN_KEYS: Final = "/etc/ssh/k3s-aws/authorized_keys"
SSHD_CONFIG: Final = "/etc/ssh/sshd_config.d/10-k3s-aws.conf"

NODE_SCHEMA: Final = 2
REPORT_SCHEMA: Final = 1


class K3s(TypedDict):
    """The pinned k3s; `sources` are URLs or `s3://<bucket>/<key>`, tried in order."""

    version: str
    sources: list[str]
    sha256: str
    environment: NotRequired[dict[str, str]]
    """Variables of k3s, its containerd and the boot program: those of a proxy."""


class Taint(TypedDict):
    """A taint as Kubernetes has it; `value` may be empty."""

    key: str
    value: str
    effect: str


class Manifest(TypedDict):
    """A manifest as text, or where it is and its SHA-256."""

    content: NotRequired[str]
    source: NotRequired[str]
    sha256: NotRequired[str]


class Backup(TypedDict):
    """The backups of a server: their program with its SHA-256, and where snapshots go."""

    source: str
    sha256: str
    url: str
    everyHours: int


class Restore(TypedDict):
    """The snapshot that the first server restores, and the program for it with its SHA-256."""

    source: str
    sha256: str
    url: str


class Join(TypedDict):
    """The servers that a machine joins: the first that is ready and has our authority."""

    urls: list[str]


class PoolPart(TypedDict):
    """What the machines of a pool have in common."""

    role: str
    nodeNamePrefix: str
    """The cluster and the pool; the end of the instance id follows."""
    k3s: K3s
    labels: dict[str, str]
    taints: list[Taint]
    config: dict[str, Any]
    """Keys of k3s's config.yaml, spelled as k3s spells them."""
    parameters: dict[str, str]
    """Names of SSM parameters by the keys of `SecretsFile`, and `authority` on servers."""
    registries: NotRequired[dict[str, Any]]
    """registries.yaml without its passwords."""
    manifests: NotRequired[dict[str, Manifest]]
    join: NotRequired[Join]
    """On agents, and on servers where there are several: of all servers, the machine's own too."""
    drainSeconds: NotRequired[int]
    """On agents: how long pods may take to leave the node before its machine stops."""
    expiresAt: NotRequired[str]
    """When the machine ends itself, in RFC 3339 and UTC."""
    backup: NotRequired[Backup]
    datastoreParameter: NotRequired[str]
    """On servers: the parameter that names what holds the data of the cluster."""


class OwnPart(TypedDict):
    """What only this machine has."""

    privateIp: str
    publicIp: NotRequired[str]
    hostKeyParameter: str
    mayCreateCluster: NotRequired[bool]
    """On the first server: whether it creates the cluster while there is no data of it."""
    dataVolume: NotRequired[str]
    """On servers: the id of the EBS volume with the datastore."""
    dataVolumeGib: NotRequired[int]
    restore: NotRequired[Restore]
    """On the first server of a cluster that is made from a snapshot."""


class NodeConfig(TypedDict):
    """The input `nodeConfig` of `k3s:index:Node`: no secret, and all of it applied in place."""

    schema: int
    pool: PoolPart
    own: OwnPart


class NodeFile(NodeConfig):
    """node.json. The deadline is an input of its own, since a change of it changes no machine."""

    deadlineSeconds: int


class SecretsFile(TypedDict, total=False):
    """secrets.json: what was read from SSM or written by the provider so far."""

    hostKey: str
    authorizedKeys: str
    token: str
    agentToken: str
    registryAuth: str


class ReportPhase(TypedDict):
    """A phase; `startedAt` in ISO 8601, `seconds` is None while it runs."""

    name: str
    startedAt: str
    seconds: float | None


class ReportError(TypedDict):
    """Why the boot failed."""

    phase: str
    cause: str


class ReportK3s(TypedDict):
    """The k3s that is installed."""

    version: str
    sha256: str


class ReportFile(TypedDict):
    """report.json, as the boot program writes it after each step."""

    schema: int
    node: str
    instanceId: str
    role: str
    state: Literal["running", "done", "failed"]
    phases: list[ReportPhase]
    error: ReportError | None
    k3s: ReportK3s | None


def node_file(config: NodeConfig, deadline_seconds: int) -> str:
    """
    The text of node.json, without spaces: user data has little room.

    Keys are sorted, since the engine does not keep their order: the same configuration must be the
    same text from user data and from the provider, or k3s would be restarted for nothing.
    """
    content: NodeFile = {**config, "deadlineSeconds": deadline_seconds}
    return json.dumps(content, separators=(",", ":"), sort_keys=True) + "\n"


def has_config(text: str, config: NodeConfig) -> bool:
    """Whether the text of a node.json is of this configuration, whatever its deadline."""
    try:
        content = json.loads(text)
        return {key: content[key] for key in content if key != "deadlineSeconds"} == {**config}
    except (ValueError, TypeError, RecursionError):
        return False
