"""
What the program does with arguments of Kubernetes' components (`kubelet-arg` and its like).

cluster/k3s_flags/components.json lists their names and types. A `*` stands for any part of one. The
values that k3s sets are in pkg/daemons/control/server.go and pkg/daemons/agent/agent_linux.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

_AUTHORITY = "the program creates the authority of the cluster"
_CLOUD = "the program relies on k3s's own cloud controller"
_DATASTORE = "the datastore follows from cluster.servers.count"
_KUBECONFIGS = "k3s writes the kubeconfigs of its components"

# What is not in a component's own part.
_SHARED: Mapping[str, str] = {
    "allocate-node-cidrs": "k3s allocates the ranges of the nodes",
    "allow-untagged-cloud": _CLOUD,
    "authentication-kubeconfig": _KUBECONFIGS,
    "authorization-kubeconfig": _KUBECONFIGS,
    "bootstrap-kubeconfig": _KUBECONFIGS,
    "cert-dir": "k3s keeps the certificates of its components",
    "client-ca-file": _AUTHORITY,
    "cloud-config": _CLOUD,
    "cloud-provider": _CLOUD,
    "cluster-cidr": "set cluster.network.clusterCidr",
    "configure-cloud-routes": "the network of the pods follows from cluster.k3s.flannelBackend",
    "external-cloud-volume-plugin": _CLOUD,
    "hostname-override": "the program creates a name for each machine",
    "kubeconfig": _KUBECONFIGS,
    "maste*": "k3s connects its components",
    "requestheader-*": _AUTHORITY,
    "secure-port": "k3s chooses the ports of its components",
    "service-cluster-ip-range": "set cluster.network.serviceCidr",
    "tls-cert-file": _AUTHORITY,
    "tls-private-key-file": _AUTHORITY,
    "tls-sni-cert-key": "the program creates the authority of the cluster; tls-san adds names",
    "use-service-account-credentials": "k3s binds the rights of its components",
    "write-config-to": "the component would write the file and stop",
}

_OWNED: Mapping[str, Mapping[str, str]] = {
    "kubelet": {
        "address": "the API server connects to every kubelet by the machine's private address",
        "anonymous-auth": "whoever reaches port 10250 could run commands in every pod",
        "authentication-token-webhook*": "the kubelet asks the API who calls it",
        "authorization-mode": "the kubelet asks the API what a caller may do",
        "authorization-webhook*": "the kubelet asks the API what a caller may do",
        "cgroup-driver": "k3s chooses it by the machine's init system",
        "cluster-dns": "set cluster-dns below cluster.k3s.server",
        "cluster-domain": "set cluster-domain below cluster.k3s.server",
        "config": "write its settings as kubelet-arg",
        "config-dir": "write its settings as kubelet-arg",
        "container-runtime-endpoint": "the program's machines have containerd of k3s only",
        "containerd*": "the program's machines have containerd of k3s only",
        "enable-server": "the API server connects to every kubelet",
        "image-credential-provider-bin-dir": "set it as a key of k3s",
        "image-credential-provider-config": "set it as a key of k3s",
        "image-service-endpoint": "the program's machines have containerd of k3s only",
        "manifest-url*": "set cluster.manifests",
        "node-ip": "the program sets it to the machine's private address",
        "node-labels": "set labels of cluster.servers or of the pool",
        "pod-cidr": "set cluster.network.clusterCidr",
        "pod-manifest-path": "set cluster.manifests",
        "port": "the program relies on port 10250",
        "protect-kernel-defaults": "set it as a key of k3s",
        "provider-id": "k3s gives each machine one of its own",
        "read-only-port": "whoever reaches it could read every pod; port 10250 has the same",
        "register-node": "every machine is a node, which the program waits for",
        "register-with-taints": "set taints of cluster.servers or of the pool",
        "resolv-conf": "set it as a key of k3s",
        "root-dir": "the program relies on /var/lib/kubelet",
        "runonce": "the kubelet would stop",
    },
    "kube-apiserver": {
        "advertise-address": "the program sets it to the machine's private address",
        "anonymous-auth": "whoever reaches port 6443 could call the API",
        "authorization-mode": "the rights of nodes and identities are those of Node and RBAC",
        "bind-address": "k3s serves the API on port 6443 of every address",
        "egress-selector-config-file": "set egress-selector-mode as a key of k3s",
        "encryption-provider-config*": "set cluster.k3s.secretsEncryption",
        "endpoint-reconciler-type": "k3s relies on its own choice",
        "etcd-cafile": _DATASTORE,
        "etcd-certfile": _DATASTORE,
        "etcd-keyfile": _DATASTORE,
        "etcd-prefix": _DATASTORE,
        "etcd-servers*": _DATASTORE,
        "kubelet-certificate-authority": _AUTHORITY,
        "kubelet-client-*": _AUTHORITY,
        "kubelet-port": "the program relies on port 10250",
        "kubelet-read-only-port": "the kubelets do not serve it",
        "kubernetes-service-node-port": "the API is reached by port 6443",
        "peer-*": "the program relies on the server's private address",
        "proxy-client-*": _AUTHORITY,
        "service-account-key-file": "k3s creates the keys of ServiceAccounts",
        "service-account-signing-*": "k3s creates the keys of ServiceAccounts",
        "service-node-port-range": "set it as a key of k3s",
        "storage-backend": _DATASTORE,
    },
    "kube-controller-manager": {
        "cluster-signing-*-file": _AUTHORITY,
        "cluster-signing-cert-file": _AUTHORITY,
        "cluster-signing-key-file": _AUTHORITY,
        "node-cidr-mask-size-*": "set node-cidr-mask-size; the cluster has IPv4 only",
        "root-ca-file": _AUTHORITY,
        "service-account-private-key-file": "k3s creates the keys of ServiceAccounts",
    },
    "kube-scheduler": {
        "config": "set the arguments of the scheduler one by one",
    },
    "kube-cloud-controller-manager": {
        "bind-address": "k3s serves it on the loopback address",
        "controllers": "k3s chooses them by its other keys",
        "leader-elect-resource-*": "k3s chooses its name",
        "webhook*": "k3s's cloud controller has none",
    },
    "kube-proxy": {
        "bind-address": "kube-proxy uses the addresses of the node",
        "cleanup": "kube-proxy would remove its rules and stop",
        "config": "set the arguments of kube-proxy one by one",
        "init-only": "kube-proxy would set the kernel up and stop",
        "healthz-port": "set healthz-bind-address",
        "metrics-port": "set metrics-bind-address",
    },
    "etcd": {
        "*-cert*-file": "k3s creates the certificates of etcd",
        "*-key-file": "k3s creates the certificates of etcd",
        "*-trusted-ca-file": "k3s creates the certificates of etcd",
        "advertise-client-urls": "k3s sets the addresses of etcd",
        "config-file": "k3s writes the configuration of etcd",
        "data-dir": "the program relies on /var/lib/rancher/k3s",
        "initial-*": "k3s sets the members of etcd",
        "listen-*": "k3s sets the addresses of etcd",
        "name": "the program creates a name for each machine",
    },
}

# What is a secret.
SECRET = frozenset({"storage-driver-password"})

# What names a file to read.
FILES = frozenset(
    {
        "admission-control-config-file",
        "audit-policy-file",
        "audit-webhook-config-file",
        "authentication-config",
        "authentication-token-webhook-config-file",
        "authorization-config",
        "authorization-policy-file",
        "authorization-webhook-config-file",
        "boot-id-file",
        "experimental-mounter-path",
        "leader-migration-config",
        "machine-id-file",
        "oidc-ca-file",
        "pv-recycler-pod-template-filepath-hostpath",
        "pv-recycler-pod-template-filepath-nfs",
        "token-auth-file",
        "tracing-config-file",
    }
)

# What has an address to listen on, and the port that each has by itself.
LISTEN: Mapping[str, Mapping[str, int]] = {
    "kubelet": {"healthz-bind-address": 10248},
    "kube-proxy": {"healthz-bind-address": 10256, "metrics-bind-address": 10249},
    "kube-controller-manager": {"bind-address": 10257},
    "kube-scheduler": {"bind-address": 10259},
}


def owned(component: str, name: str) -> str | None:
    """What to do instead of an argument that k3s or the program sets; None for another one."""
    known = {**_OWNED.get(component, {}), **_SHARED}
    patterns = (each for each in known if "*" in each)
    found = name if name in known else next((p for p in patterns if fnmatchcase(name, p)), None)
    return known[found] if found else None
