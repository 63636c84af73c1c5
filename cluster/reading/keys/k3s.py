"""The keys of `k3s`."""

from __future__ import annotations

from cluster import releases
from cluster.effect import Effect
from cluster.reading import checks
from cluster.reading.declarations import Boolean, FreeObject, Key, Object, String
from cluster.reading.keys.registries import REGISTRIES

_NO_RESTART = "without a restart of k3s"

_COMPONENTS = {
    "traefik": "the ingress controller",
    "servicelb": "Services of type LoadBalancer",
    "metrics-server": "`kubectl top`",
    "local-storage": "the storage class `local-path`, volumes on the node's disk",
    "coredns": "DNS of the cluster",
    "helm-controller": "installs `charts` and Traefik; without it neither is available",
    "network-policy": "enforces NetworkPolicy",
}

_KEYS: dict[str, Key] = {
    "version": String(
        "the k3s release, in full; [cluster/releases.yaml](../cluster/releases.yaml) "
        "has the pinned ones",
        Effect.IN_PLACE,
        default=releases.DEFAULT_VERSION,
        noun="k3s release",
        hint="write it in full, such as {}",
        pattern=r"v(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){2}(-rc[0-9]{1,3})?\+[a-z0-9]{1,32}",
    ),
    "downloadUrl": String(
        "the base of `<downloadUrl>/<version>/k3s` and `k3s-arm64`; http or https",
        Effect.IN_PLACE,
        _NO_RESTART,
        default=releases.DOWNLOAD_URL,
        default_text="the release page of k3s",
        example=releases.DOWNLOAD_URL,
        check=checks.base_url_check(releases.DOWNLOAD_URL),
        parser=checks.without_slash,
    ),
    "drainOnUpgrade": Boolean(
        "the pods leave a node, within `drainSeconds`, before it gets another k3s; otherwise they "
        "keep running while k3s restarts",
        Effect.NONE,
        default=False,
    ),
    "bucket": Boolean(
        "the program downloads k3s into a bucket of this stack, for the machines",
        Effect.IN_PLACE,
        _NO_RESTART,
        default=False,
    ),
    "sha256": Object(
        "of files that are not pinned, or not for this architecture",
        default_text="the pins",
        keys={
            architecture: String(
                f"SHA-256 of the file `{asset}`",
                Effect.IN_PLACE,
                default_text="the pin",
                example="0" * 64,
                noun="SHA-256",
                hint="write its 64 lower-case hexadecimal digits",
                pattern=r"[0-9a-f]{64}",
            )
            for architecture, asset in releases.ASSETS.items()
        },
    ),
    "components": Object(
        "k3s's packaged components; `false` also removes one that is active",
        default_text="all",
        keys={
            name: Boolean(description, Effect.IN_PLACE, default=True)
            for name, description in _COMPONENTS.items()
        },
    ),
    "flannelBackend": String(
        "the network between pods of different nodes",
        Effect.REPLACE,
        "all machines",
        default="vxlan",
        choices=("vxlan", "host-gw", "wireguard-native", "none"),
    ),
    "secretsEncryption": Boolean(
        "Secrets are encrypted in the datastore", Effect.REPLACE, "the servers", default=True
    ),
    "registries": REGISTRIES,
    "server": FreeObject(
        "any key of `k3s server`, such as `kube-apiserver-arg: [audit-log-maxage=30]`",
        Effect.IN_PLACE,
    ),
    "agent": FreeObject(
        "any key of `k3s agent`, such as `kubelet-arg: [max-pods=60]`", Effect.IN_PLACE
    ),
}

K3S = Object("k3s itself", keys=_KEYS)
