"""The keys of machines: `image`, `servers` and `pools`."""

from __future__ import annotations

from cluster import images
from cluster.effect import Effect
from cluster.errors import Kind
from cluster.reading import checks, kubernetes
from cluster.reading.declarations import (
    Boolean,
    FreeObject,
    Integer,
    IntegerOrPercentage,
    Key,
    Object,
    Objects,
    String,
    StringMap,
)
from cluster.reading.faults import Fault

MAX_AGENTS_IN_POOL = 1000

_SPOT_SERVER = Fault(
    "a server is never a spot instance: EC2 may take it, and the datastore is on it",
    "remove it; pools of agents may be spot",
    Kind.FORBIDDEN,
)

IMAGE: dict[str, Key] = {
    "os": String(
        "the operating system; its newest image is used when a machine is created",
        Effect.REPLACE,
        default=images.DEBIAN_12.name,
        choices=tuple(images.KNOWN),
    ),
    "id": String(
        "an AMI of your own in place of `os`",
        Effect.REPLACE,
        default_text="that of `os`",
        example="ami-0123456789abcdef0",
        noun="AMI id",
        hint="write it as EC2 does, such as {}",
        pattern=r"ami-([0-9a-f]{8}|[0-9a-f]{17})",
    ),
    "loginUser": String(
        "the user that cloud-init creates on the image `id`",
        Effect.NONE,
        "the program logs in as this user from then on",
        default_text="that of `os`",
        example="admin",
        noun="login name",
        hint="write a user's name, such as {}",
        pattern=r"[a-z_][a-z0-9_-]{0,31}",
    ),
    "generation": Integer(
        "raise it to replace the machines by ones of the newest image",
        Effect.REPLACE,
        default=1,
        low=1,
        high=1_000_000,
    ),
}

_TAINT: dict[str, Key] = {
    "key": String(
        "as Kubernetes spells it",
        Effect.IN_PLACE,
        required=True,
        example="dedicated",
        check=kubernetes.taint,
    ),
    "value": String(
        "may be left out", Effect.IN_PLACE, default="", example="builds", check=kubernetes.value
    ),
    "effect": String(
        "what happens to pods that do not tolerate it",
        Effect.IN_PLACE,
        required=True,
        example="NoSchedule",
        choices=("NoSchedule", "PreferNoSchedule", "NoExecute"),
    ),
}

# Debian's image has 8 GiB.
_LEAST_ROOT_GIB = 8
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVolume.html
_MOST_GP3_GIB = 65_536

_MACHINE: dict[str, Key] = {
    "instanceType": String(
        "any EC2 type; its architecture comes from EC2",
        Effect.RESTART,
        "replace where the architecture differs or the machine is spot",
        default="t4g.small",
        noun="instance type",
        hint="write family and size, such as {}",
        pattern=r"[a-z][a-z0-9-]*\.[a-z0-9-]+",
    ),
    "rootVolumeGib": Integer(
        "size of the encrypted gp3 root volume; EC2 cannot shrink a volume",
        Effect.NONE,
        "the file system grows at the next start",
        default=20,
        low=_LEAST_ROOT_GIB,
        high=_MOST_GP3_GIB,
    ),
    "labels": StringMap(
        "labels of the nodes, from their first second on",
        Effect.IN_PLACE,
        value=String(example="build"),
        check=kubernetes.labels,
    ),
    "taints": Objects(
        "taints of the nodes, from their first second on", Effect.IN_PLACE, keys=_TAINT
    ),
    "image": Object(
        "the image of these machines; a key left out is that of `cluster.image`",
        Effect.REPLACE,
        default_text="`cluster.image`",
        keys=IMAGE,
    ),
    "k3s": FreeObject(
        "k3s keys for these nodes alone, in place of those of `cluster.k3s`", Effect.IN_PLACE
    ),
}

SERVERS = Object(
    "the servers",
    keys={
        "count": Integer(
            "1, 3 or 5 servers: one has its data in SQLite, several share it in embedded etcd",
            Effect.IN_PLACE,
            "servers are added, or the last ones removed; not from several to 1",
            default=1,
            low=1,
            high=5,
            check=checks.server_count,
        ),
        "dataVolumeGib": Integer(
            "size of the encrypted gp3 volume of a server's datastore; EC2 cannot shrink a volume",
            Effect.IN_PLACE,
            "the file system grows while k3s runs",
            default=10,
            low=1,
            high=_MOST_GP3_GIB,
        ),
        **_MACHINE,
    },
    rejected={"spot": _SPOT_SERVER, "spotMaxPrice": _SPOT_SERVER},
)

POOLS = Objects(
    "pools of agents; without any, the server runs the pods alone",
    keys={
        "name": String(
            "part of the nodes' names; at most 21 characters, not `servers`, each once",
            Effect.REPLACE,
            "the pool",
            required=True,
            example="agents",
            pattern=checks.NAME_PATTERN,
            check=checks.name_check(checks.POOL_NAME_LENGTH, "builders"),
        ),
        "count": Integer(
            "how many agents",
            Effect.NONE,
            "nodes are added, or the last ones drained and removed",
            default=1,
            low=0,
            high=MAX_AGENTS_IN_POOL,
        ),
        "maxUnavailable": IntegerOrPercentage(
            "how many existing agents are changed or replaced at a time",
            Effect.NONE,
            default=1,
            high=MAX_AGENTS_IN_POOL,
        ),
        **_MACHINE,
        "spot": Boolean(
            "spot instances: cheaper, and EC2 may take one at any time",
            Effect.REPLACE,
            default=False,
        ),
        "spotMaxPrice": String(
            "the most to pay for an hour of one machine, in US dollars",
            Effect.REPLACE,
            default_text="the on-demand price",
            example="0.05",
            noun="price",
            hint="write US dollars, such as {}",
            # Not zero, which EC2 rejects.
            pattern=r"(?=.*[1-9])[0-9]{1,4}(\.[0-9]{1,5})?",
        ),
    },
)
