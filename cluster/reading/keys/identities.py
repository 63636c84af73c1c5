"""The keys of `identities`."""

from __future__ import annotations

from cluster.effect import Effect
from cluster.errors import Kind
from cluster.reading import checks
from cluster.reading.declarations import Integer, Objects, String, Strings
from cluster.reading.faults import Fault

_NEW = "a new kubeconfig; the previous one is revoked"

IDENTITIES = Objects(
    "who gets a kubeconfig, and its rights; the first is the output `kubeconfig`",
    Effect.NONE,
    "rights change at once",
    # What a pipeline needs to deploy into a new cluster, and no more.
    default=[{"name": "deployer", "role": "deployer", "namespaces": ["default"]}],
    default_text="`deployer` for the namespace `default`",
    keys={
        "name": String(
            "the end of the output's name, `kubeconfig-<name>`; at most 32 characters",
            Effect.NONE,
            "a new identity; the previous one is revoked",
            required=True,
            example="ci",
            pattern=checks.NAME_PATTERN,
            check=checks.name_check(checks.NAME_LENGTH, "ci-shop"),
        ),
        "role": String(
            "`viewer` reads everything but Secrets, `deployer` writes applications",
            Effect.NONE,
            _NEW,
            default_text="`clusterRole`",
            example="deployer",
            choices=("viewer", "deployer"),
        ),
        "clusterRole": String(
            "the name of a ClusterRole of the cluster, in place of `role`",
            Effect.NONE,
            _NEW,
            default_text="`role`",
            example="admin",
            noun="ClusterRole name",
            hint="write a name such as {}",
            pattern=r"[A-Za-z0-9]([A-Za-z0-9.:_-]{0,251}[A-Za-z0-9])?",
        ),
        "namespaces": Strings(
            "where it has its role; must be given for a `deployer`",
            Effect.NONE,
            "rights change at once",
            default_text="the whole cluster",
            item=String(example="default", check=checks.namespace),
            # What was meant is one or the other, and they are far apart.
            empty=Fault(
                "is empty",
                "name some, or leave it out where the role may hold in the whole cluster",
                Kind.REQUIRED,
            ),
        ),
        "expiryDays": Integer(
            "how long a kubeconfig is valid",
            Effect.NONE,
            _NEW,
            default=90,
            low=1,
            high=365,
        ),
        "generation": Integer(
            "raise it when a kubeconfig may have leaked",
            Effect.NONE,
            _NEW,
            default=1,
            low=1,
            high=1_000_000,
        ),
        "podSecurity": String(
            "the Pod Security level of its namespaces; `privileged` enforces none",
            Effect.NONE,
            "for new pods",
            default="baseline",
            choices=("privileged", "baseline", "restricted"),
        ),
    },
)
