"""Every key of `k3s-aws:cluster`: nothing else has its type, range, default or effect."""

from __future__ import annotations

from cluster.effect import Effect
from cluster.reading import checks, tags
from cluster.reading.declarations import Boolean, Integer, Key, Object, String, StringMap
from cluster.reading.keys import kms
from cluster.reading.keys.backup import BACKUP, RESTORE_FROM
from cluster.reading.keys.endpoint import ENDPOINT
from cluster.reading.keys.identities import IDENTITIES
from cluster.reading.keys.k3s import K3S
from cluster.reading.keys.machines import IMAGE, POOLS, SERVERS
from cluster.reading.keys.network import NETWORK
from cluster.reading.keys.objects import CHARTS, MANIFESTS
from cluster.reading.keys.proxy import PROXY
from cluster.reading.keys.ttl import TTL

_ROTATED = {
    "joinTokens": "the servers' and the agents' join token; k3s restarts on the servers",
    "loginKey": "the SSH key the program logs in with, unless `k3s-aws:loginKey` is set",
    "hostKeys": "the SSH host key of every machine",
}

_ROTATION: dict[str, Key] = {
    name: Integer(description, Effect.IN_PLACE, default=1, low=1, high=1_000_000)
    for name, description in _ROTATED.items()
}

_KEYS: dict[str, Key] = {
    "name": String(
        "the first part of the names of nodes and resources, at most 32 characters",
        Effect.REPLACE,
        "everything",
        default_text="the stack's name",
        example="demo",
        pattern=checks.NAME_PATTERN,
        check=checks.cluster_name,
    ),
    "owner": String(
        "tag `k3s-aws:owner` on everything",
        Effect.NONE,
        default_text="no tag",
        example="team-a",
        check=tags.value,
    ),
    "expiry": String(
        "tag `k3s-aws:expiry` on everything, a date or a time; it deletes nothing",
        Effect.NONE,
        default_text="no tag",
        example="2027-01-31",
        noun="date",
        hint="write it in quotes, such as {}",
        pattern=r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?Z)?",
        check=checks.date,
    ),
    "ttl": TTL,
    "tags": StringMap(
        "further tags on everything", Effect.NONE, value=String(example="4711"), check=tags.check
    ),
    "k3s": K3S,
    "parameterKmsKeyArn": kms.key(
        "the KMS key of the SSM parameters with the machines' secrets",
        "the account's own key, `aws/ssm`",
    ),
    "rotation": Object("raise a number to renew that secret, on running machines", keys=_ROTATION),
    "image": Object("the image of all machines", default_text="Debian 12", keys=IMAGE),
    "servers": SERVERS,
    "pools": POOLS,
    "network": NETWORK,
    "endpoint": ENDPOINT,
    "proxy": PROXY,
    "manifests": MANIFESTS,
    "charts": CHARTS,
    "identities": IDENTITIES,
    "backup": BACKUP,
    "restoreFrom": RESTORE_FROM,
    "adminKubeconfig": Boolean(
        "the administrator's kubeconfig as output `adminKubeconfig`", Effect.NONE, default=False
    ),
    "allowDataLoss": Boolean(
        "allows an update that loses the datastore; set it for that update alone",
        Effect.NONE,
        default=False,
    ),
    "nodeDeadlineSeconds": Integer(
        "how long a node may take from its creation, or a change, to Ready",
        Effect.NONE,
        default=600,
        low=60,
        high=3600,
    ),
    "drainSeconds": Integer(
        "how long pods may take to leave a node that is removed, or whose machine stops "
        "(then 180 at most)",
        Effect.IN_PLACE,
        default=120,
        low=0,
        high=3600,
    ),
}

TOP = Object("The cluster; docs/configuration.md describes every key", keys=_KEYS)
