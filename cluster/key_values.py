"""
The values of the configuration's keys in a resolved cluster: which reach its nodes, and which none.

A key that is left out has its default.
"""

from __future__ import annotations

from typing import Any

from cluster import endpoint, releases
from cluster.model import Cluster, NodePool
from cluster.spec import TAG_PREFIX


def of_every_node(cluster: Cluster) -> dict[str, Any]:
    """What of the configuration reaches every node, by key."""
    return {
        "cluster.name": cluster.name,
        # Each machine has the addresses of all servers.
        "cluster.servers.count": cluster.servers.count,
        "cluster.restoreFrom": cluster.restored_from,
        "cluster.ttl": cluster.ttl_seconds,
        **_of_k3s(cluster),
        **{f"cluster.rotation.{key}": each for key, each in _rotation(cluster).items()},
        **{f"cluster.proxy.{key}": each for key, each in _proxy(cluster).items()},
        **_of_network(cluster),
    }


def of_pool(cluster: Cluster, pool: NodePool) -> dict[str, Any]:
    """What of the configuration reaches the nodes of a pool besides, by key."""
    return {**_of_role(cluster, pool), **_of_pool(pool)}


def _of_endpoint(cluster: Cluster) -> dict[str, Any]:
    """What changes the name in the certificates of the servers."""
    wanted, path = cluster.endpoint, "cluster.endpoint"
    named = bool(endpoint.certificate_names(cluster, ""))
    return {
        f"{path}.type": wanted.type,
        f"{path}.internal": (named and wanted.type != "dnsName" and wanted.internal) or None,
        f"{path}.hostname": wanted.hostname,
    }


def _rotation(cluster: Cluster) -> dict[str, int]:
    rotation = cluster.rotation
    return {
        "joinTokens": rotation.join_tokens,
        "loginKey": rotation.login_key,
        "hostKeys": rotation.host_keys,
    }


def _proxy(cluster: Cluster) -> dict[str, Any]:
    proxy = cluster.proxy
    if proxy is None:
        return {}
    return {
        "httpProxy": proxy.http_proxy,
        "httpsProxy": proxy.https_proxy,
        "noProxy": proxy.no_proxy,
    }


def _of_k3s(cluster: Cluster) -> dict[str, Any]:
    k3s, path = cluster.k3s, "cluster.k3s"
    return {
        f"{path}.version": k3s.version,
        f"{path}.downloadUrl": None if k3s.from_bucket else k3s.download_url,
        f"{path}.bucket": k3s.from_bucket,
        f"{path}.drainOnUpgrade": k3s.drain_on_upgrade,
        f"{path}.flannelBackend": k3s.flannel_backend,
        f"{path}.registries": k3s.registries,
    }


def _of_role(cluster: Cluster, pool: NodePool) -> dict[str, Any]:
    k3s, path = cluster.k3s, "cluster.k3s"
    sha256 = k3s.sha256[pool.architecture]
    pinned = releases.PINNED.get(k3s.version, {}).get(pool.architecture)
    passed = {key: v for key, v in k3s.keys_of(pool.role).items() if key not in pool.k3s}
    shared = {
        # A pinned one follows from the version.
        f"{path}.sha256.{pool.architecture}": None if sha256 == pinned else sha256,
        f"{path}.{pool.role}": passed,
    }
    if pool.role == "agent":
        # Its machine drains it, too.
        return {**shared, "cluster.drainSeconds": cluster.drain_seconds}
    return {
        **shared,
        **{f"{path}.components.{name}": False for name in k3s.disabled},
        f"{path}.secretsEncryption": k3s.secrets_encryption,
        **_of_endpoint(cluster),
        "cluster.backup.everyHours": cluster.backup.every_hours if cluster.backup else None,
        "cluster.manifests": [each for each in cluster.manifests if not each.of_chart],
        "cluster.charts": [each for each in cluster.manifests if each.of_chart],
    }


def _of_pool(pool: NodePool) -> dict[str, Any]:
    image = pool.image
    path = "cluster.servers" if pool.role == "server" else "cluster.pools[]"
    several = {} if pool.role == "server" else {f"{path}.maxUnavailable": pool.max_unavailable}
    return {
        **several,
        f"{path}.instanceType": pool.instance_type,
        f"{path}.rootVolumeGib": pool.root_volume_gib,
        **({f"{path}.dataVolumeGib": pool.data_volume_gib} if pool.role == "server" else {}),
        f"{path}.labels": pool.labels,
        f"{path}.taints": pool.taints,
        f"{path}.image.os": None if image.ami else image.name,
        f"{path}.image.id": image.ami,
        # That of the program's own images follows from the image.
        f"{path}.image.loginUser": image.login_user if image.ami else None,
        f"{path}.image.generation": image.generation,
        f"{path}.k3s": pool.k3s,
        f"{path}.spot": pool.spot is not None,
        f"{path}.spotMaxPrice": pool.spot.max_price if pool.spot else None,
    }


def _of_network(cluster: Cluster) -> dict[str, Any]:
    ranges, path = cluster.network, "cluster.network"
    return {
        f"{path}.vpcCidr": ranges.vpc_cidr if cluster.vpc_id is None else None,
        f"{path}.publicAddresses": ranges.public_addresses,
        f"{path}.clusterCidr": ranges.cluster_cidr,
        f"{path}.serviceCidr": ranges.service_cidr,
        f"{path}.sshAllowedCidrs": ranges.ssh_enabled,
    }


def of_no_node(cluster: Cluster) -> dict[str, Any]:
    """What of the configuration reaches no node, by key."""
    named = {key: f"{TAG_PREFIX}{key}" for key in ("owner", "expiry")}
    tags = {key: each for key, each in cluster.own_tags.items() if key not in named.values()}
    return {
        **{f"cluster.{key}": cluster.own_tags.get(tag) for key, tag in named.items()},
        "cluster.tags": tags,
        "cluster.parameterKmsKeyArn": cluster.parameter_key_arn,
        "cluster.network.apiAllowedCidrs": cluster.network.api_allowed_cidrs,
        "cluster.network.sshAllowedCidrs": cluster.network.ssh_allowed_cidrs,
        "cluster.network.callerAddressUrl": cluster.network.caller_address_url,
        "cluster.network.ingress": cluster.network.ingress,
        "cluster.endpoint.route53ZoneId": cluster.endpoint.zone_id,
        "cluster.identities": cluster.identities,
        **_of_backup(cluster),
        "cluster.adminKubeconfig": cluster.admin_kubeconfig,
        "cluster.allowDataLoss": cluster.allow_data_loss,
        "cluster.nodeDeadlineSeconds": cluster.node_deadline_seconds,
        "cluster.drainSeconds": cluster.drain_seconds,
    }


def _of_backup(cluster: Cluster) -> dict[str, Any]:
    backup, path = cluster.backup, "cluster.backup"
    if backup is None:
        return {}
    return {
        f"{path}.keepDays": backup.keep_days,
        f"{path}.keepAfterDestroy": backup.keep_after_destroy,
        f"{path}.kmsKeyArn": backup.kms_key_arn,
    }
