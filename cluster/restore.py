"""
The snapshot that a cluster is made from: its description and its credentials, which lie beside it
(cloud-init/backup.py), compared with the configuration before anything is touched.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cluster import defaults, k3s_config, record, record_json, rejections
from cluster.errors import ConfigError, Kind, Problem
from cluster.machine_files import Restore
from cluster.model import Cluster
from cluster.record_json import UnreadableRecord
from cluster.stored_programs import RESTORE

KEY = "cluster.restoreFrom"
SCHEMA = 1
DATA, DESCRIPTION, CREDENTIALS = ".gz", ".json", ".credentials.json"
GREATEST_BYTES = 1 << 30
"""The largest file that a machine downloads (cloud-init/boot/download.py)."""
AUTHORITY = ("server-ca.crt", "server-ca.key", "client-ca.crt", "client-ca.key")
"""Files of the authority, as k3s names them below server/tls."""

# What k3s fixes in a datastore when it creates it: its own keys, ours, and the defaults.
_FIXED = {
    "cluster-cidr": ("cluster.network.clusterCidr", defaults.CLUSTER_CIDR),
    "service-cidr": ("cluster.network.serviceCidr", defaults.SERVICE_CIDR),
    "secrets-encryption": ("cluster.k3s.secretsEncryption", False),
}


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """An object in S3; `text` of one with JSON, `sha256` in base64 where S3 has it."""

    size: int
    text: str | None = field(default=None, repr=False)
    sha256: str | None = None
    kms_key: str | None = None


Find = Callable[[str], StoredObject | None]
"""The object behind an S3 URL; None where there is none."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """The passwords of the join tokens, and the authority by file name: with them k3s reads it."""

    server_password: str = field(repr=False)
    agent_password: str = field(repr=False)
    authority: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class _Description:
    datastore: str
    k3s_version: str
    ca_hash: str
    size: int
    sha256: str
    fixed: Mapping[str, Any]


def since(cluster: Cluster, outputs: Mapping[str, Any]) -> Cluster:
    """The cluster with the snapshot that its data came from where the key was removed since."""
    return cluster if cluster.restore_from else replace(cluster, restored_from=_recorded(outputs))


def is_due(cluster: Cluster, outputs: Mapping[str, Any]) -> bool:
    """Whether the snapshot is another one than that of the last successful update."""
    return cluster.restore_from is not None and cluster.snapshot_id != _recorded(outputs)


def configured(cluster: Cluster, bucket: str | None) -> Restore | None:
    """What the first server restores, and the program that does so; None where it does not."""
    if cluster.restore_from is None or bucket is None:
        return None
    return {
        "source": f"s3://{bucket}/{RESTORE.key}",
        "sha256": RESTORE.sha256,
        "url": cluster.restore_from,
    }


def readable(cluster: Cluster) -> list[str]:
    """The ARNs of the objects that servers restore from; not that of the credentials."""
    if cluster.restore_from is None:
        return []
    place = cluster.restore_from.removeprefix("s3://")
    return [f"arn:{cluster.partition}:s3:::{place}{end}" for end in (DATA, DESCRIPTION)]


def _recorded(outputs: Mapping[str, Any]) -> str | None:
    try:
        content = outputs.get(record.OUTPUT)
        found = record_json.parse(content).node_keys.get(KEY) if content is not None else None
    except UnreadableRecord:
        return None
    return found if isinstance(found, str) else None


def credentials(cluster: Cluster, find: Find) -> Credentials:
    """
    The credentials of the snapshot; raises ConfigError with everything for which it cannot become
    the data of this cluster.
    """
    url = str(cluster.restore_from)
    stored = {end: find(url + end) for end in (DATA, DESCRIPTION, CREDENTIALS)}
    if missing := [url + end for end, each in stored.items() if each is None]:
        what = f"there is no {', and no '.join(missing)}"
        raise ConfigError([_problem(what, "python -m recovery snapshots lists what there is")])
    data, text, secrets = (each for each in stored.values() if each is not None)
    try:
        described, found = _describe(text.text), _credentials(secrets.text)
    except (ValueError, TypeError, KeyError, RecursionError):
        what = f"{url}{DESCRIPTION} or {CREDENTIALS} is not one of this release of the program"
        fix = "use a snapshot of this program, with the release that made it or a newer one"
        raise ConfigError([_problem(what, fix)]) from None
    if problems := [
        *_check_data(data, described, found),
        *_check_cluster(cluster, data, described),
    ]:
        raise ConfigError(problems)
    return found


def _describe(text: str | None) -> _Description:
    content = json.loads(text or "")
    if content["schema"] != SCHEMA or content["datastore"] not in ("sqlite", "etcd"):
        raise ValueError("of another program")
    return _Description(
        datastore=str(content["datastore"]),
        k3s_version=str(content["k3sVersion"]),
        ca_hash=str(content["caHash"]),
        size=int(content["bytes"]),
        sha256=str(content["sha256"]),
        fixed=dict(content["fixed"]),
    )


def _credentials(text: str | None) -> Credentials:
    content = json.loads(text or "")
    return Credentials(
        # Of the secure form, K10<hash>::server:<password>.
        server_password=str(content["token"]).rsplit(":", 1)[-1],
        agent_password=str(content["agentToken"]).rsplit(":", 1)[-1],
        authority={name: str(content[name]) for name in AUTHORITY},
    )


def _check_data(
    data: StoredObject, described: _Description, found: Credentials
) -> Iterator[Problem]:
    fix = "use another snapshot: python -m recovery snapshots"
    if data.size != described.size:
        what = f"the snapshot has {data.size} bytes, its description {described.size}"
        yield _problem(f"{what}: it is not whole", fix)
    elif data.sha256 and not _is_of(data.sha256, described):
        yield _problem("the snapshot has another SHA-256 than its description", fix)
    if data.size > GREATEST_BYTES:
        what = f"the snapshot has {data.size} bytes, and machines download {GREATEST_BYTES} at most"
        yield _problem(what, fix)
    authority = found.authority["server-ca.crt"]
    if hashlib.sha256(authority.encode()).hexdigest() != described.ca_hash:
        yield _problem("the credentials beside the snapshot are those of another cluster", fix)


def _is_of(sha256: str, described: _Description) -> bool:
    # That of an object in parts, which has their number, is not the one of its content.
    return "-" in sha256 or base64.b64decode(sha256).hex() == described.sha256


def _check_cluster(
    cluster: Cluster, data: StoredObject, described: _Description
) -> Iterator[Problem]:
    yield from rejections.check_release(described.k3s_version, cluster.k3s.version)
    if described.datastore == "etcd" and not cluster.has_etcd:
        yield Problem(
            "cluster.servers.count",
            "must be 3 or 5, since the snapshot is one of etcd, and one server has SQLite",
            "set it to 3 or 5, or use a snapshot of a cluster with one server",
            Kind.CONFLICT,
        )
    given = k3s_config.of(cluster, cluster.servers, ())
    for key, (path, default) in _FIXED.items():
        old, new = (json.dumps(each.get(key) or default) for each in (described.fixed, given))
        if old != new:
            what = f"must be {old}, which is fixed in the datastore of the snapshot, found {new}"
            yield Problem(path, what, f"set it to {old}", Kind.CONFLICT)
    own = cluster.backup.kms_key_arn if cluster.backup else None
    if data.kms_key and data.kms_key != own:
        what = f"the snapshot is encrypted with {data.kms_key}, which the server may not use"
        yield _problem(what, "set cluster.backup.kmsKeyArn to this key")


def _problem(what: str, fix: str) -> Problem:
    return Problem(KEY, what, fix)
