"""The keys of `identities`."""

from __future__ import annotations

from cluster import defaults
from cluster.effect import Effect
from cluster.errors import Kind
from cluster.reading import checks
from cluster.reading.declarations import Integer, Objects, String, Strings
from cluster.reading.faults import Fault

_NEW = "a new kubeconfig; the previous one is revoked"

IDENTITIES = Objects(
    description="who gets a kubeconfig, and its rights; the first is the output `kubeconfig`",
    effect=Effect.NONE,
    note="rights change at once",
    default=list(defaults.IDENTITIES),
    default_text="`deployer` for the namespace `default`",
    keys={
        "name": String(
            description="the end of the output's name, `kubeconfig-<name>`; at most 32 characters",
            effect=Effect.NONE,
            note="a new identity; the previous one is revoked",
            required=True,
            example="ci",
            pattern=checks.NAME_PATTERN,
            check=checks.name_check(checks.NAME_LENGTH, "ci-shop"),
        ),
        "role": String(
            description="`viewer` reads everything but Secrets, `deployer` writes applications",
            effect=Effect.NONE,
            note=_NEW,
            default_text="`clusterRole`",
            example="deployer",
            choices=("viewer", "deployer"),
        ),
        "clusterRole": String(
            description="the name of a ClusterRole of the cluster, in place of `role`",
            effect=Effect.NONE,
            note=_NEW,
            default_text="`role`",
            example="admin",
            noun="ClusterRole name",
            hint="write a name such as {}",
            pattern=r"[A-Za-z0-9]([A-Za-z0-9.:_-]*[A-Za-z0-9])?",
        ),
        "namespaces": Strings(
            description="where it has its role; must be given for a `deployer`",
            effect=Effect.NONE,
            note="rights change at once",
            default_text="the whole cluster",
            item=String(description="", example="default", check=checks.namespace),
            # What was meant is one or the other, and they are far apart.
            empty=Fault(
                "is empty",
                "name some, or leave it out where the role may hold in the whole cluster",
                Kind.REQUIRED,
            ),
        ),
        "expiryDays": Integer(
            description="how long a kubeconfig is valid",
            effect=Effect.NONE,
            note=_NEW,
            default=defaults.IDENTITY_EXPIRY_DAYS,
            low=1,
            high=365,
        ),
        "generation": Integer(
            description="raise it when a kubeconfig may have leaked",
            effect=Effect.NONE,
            note=_NEW,
            default=1,
            low=1,
            high=1_000_000,
        ),
    },
)
