"""Every key of `k3s-aws:cluster`; nothing else says what its type, range or default is."""

from __future__ import annotations

from cluster import defaults, images, releases
from cluster.reading.declared import (
    Flag,
    Free,
    Group,
    Groups,
    Number,
    NumberOrPercentage,
    Table,
    Text,
    Texts,
)

MAX_AGENTS_IN_POOL = 1000

NONE = "none"
IN_PLACE = "in place"
RESTARTS = "restarts; replaces when the architecture differs, or on spot"
REPLACES = "replaces"
REPLACES_ALL = "replaces all machines"
REPLACES_EVERYTHING = "replaces everything"

NAME_SHAPE = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
SHA256_SHAPE = r"[0-9a-f]{64}"

SPOT_SERVER = (
    "a server is never a spot instance: EC2 may take it, and the datastore is on it",
    "remove it; pools of agents may be spot",
)

OPEN = "nothing is open by default, and the program itself has to reach the machines"

IMAGE_KEYS = {
    "os": Text(
        what="the operating system, found through its publisher's SSM parameter for the "
        "architecture at the time a machine is made: "
        + ", ".join(f"`{name}`" for name in images.KNOWN),
        change=REPLACES,
        default=defaults.IMAGE.name,
        example=defaults.IMAGE.name,
        choices=tuple(images.KNOWN),
    ),
    "id": Text(
        what="an image of your own in place of `os`; EC2 is asked for its architecture and size, "
        "which have to fit the instance type and `rootVolumeGib`. It needs cloud-init, Python 3.9 "
        "and OpenSSH",
        change=REPLACES,
        shown="that of `os`",
        example="ami-0123456789abcdef0",
        shape=r"ami-[0-9a-z]{8,32}",
    ),
    "loginUser": Text(
        what="the user cloud-init makes on the image `id`",
        change="in place",
        shown="that of `os`",
        example="admin",
        shape=r"[a-z_][a-z0-9_-]{0,31}",
    ),
    "generation": Number(
        what="raise it to make the machines anew from the newest image: a newer one never "
        "replaces a machine by itself",
        change=REPLACES,
        default=1,
        low=1,
        high=1_000_000,
    ),
}

TAINT_KEYS = {
    "key": Text(
        what="as Kubernetes spells it", change=IN_PLACE, required=True, example="dedicated"
    ),
    "value": Text(what="may be left out", change=IN_PLACE, default="", example="builds"),
    "effect": Text(
        what="what happens to pods that do not tolerate it",
        change=IN_PLACE,
        required=True,
        example="NoSchedule",
        choices=("NoSchedule", "PreferNoSchedule", "NoExecute"),
    ),
}

# Debian's image has 8 GiB; 16384 is EC2's limit for gp3.
MACHINE_KEYS = {
    "instanceType": Text(
        what="any EC2 type; architecture, processors and memory are asked of EC2, never read "
        "from the name",
        change=RESTARTS,
        default=defaults.INSTANCE_TYPE,
        example=defaults.INSTANCE_TYPE,
        shape=r"[a-z][a-z0-9-]*\.[a-z0-9-]+",
    ),
    "rootVolumeGib": Number(
        what="size of the encrypted gp3 root volume",
        change="none to grow, the file system follows at the next start; EC2 cannot shrink a "
        "volume",
        default=defaults.ROOT_VOLUME_GIB,
        low=8,
        high=16384,
    ),
    "labels": Table(
        what="labels of the nodes, from their first second on",
        change=IN_PLACE,
        default={},
        example="team: build",
    ),
    "taints": Groups(
        what="taints of the nodes, from their first second on",
        change=IN_PLACE,
        default=[],
        keys=TAINT_KEYS,
    ),
    "image": Group(
        what="the image of these machines in place of `cluster.image`; a key left out is that of "
        "`cluster.image`",
        change=REPLACES,
        shown="`cluster.image`",
        keys=IMAGE_KEYS,
    ),
    "k3s": Free(
        what="k3s keys for these nodes alone, as `cluster.k3s.server` and `cluster.k3s.agent`; a "
        "key given here replaces theirs",
        change=IN_PLACE,
        default={},
    ),
}

SERVERS = Group(
    what="the servers",
    keys={
        "count": Number(
            what="how many servers; only 1 for now. Two or four are never possible: they survive "
            "no more losses than one or three",
            default=defaults.SERVER_COUNT,
            low=1,
            high=1,
        ),
        **MACHINE_KEYS,
    },
    refused={"spot": SPOT_SERVER, "spotMaxPrice": SPOT_SERVER},
)

POOLS = Groups(
    what="pools of agents; without any, the server runs the pods alone",
    default=[],
    keys={
        "name": Text(
            what="part of the nodes' names; at most 21 characters, not `servers`, each once",
            change="replaces the pool",
            required=True,
            example="agents",
            shape=NAME_SHAPE,
        ),
        "count": Number(
            what="how many agents",
            change="adds nodes, or drains and removes the last ones",
            default=defaults.AGENT_COUNT,
            low=0,
            high=MAX_AGENTS_IN_POOL,
        ),
        "maxUnavailable": NumberOrPercentage(
            what="how many existing agents of the pool are changed or replaced at a time: a "
            "number, or a percentage of `count` that is rounded down to at least one. New agents "
            "boot all at once",
            change=NONE,
            default=1,
            high=MAX_AGENTS_IN_POOL,
        ),
        **MACHINE_KEYS,
        "spot": Flag(
            what="spot instances: cheaper, and EC2 may take one at any time; the next "
            "`pulumi up` makes another",
            change=REPLACES,
            default=False,
        ),
        "spotMaxPrice": Text(
            what="the most to pay for an hour of one machine, in US dollars",
            change=REPLACES,
            shown="the on-demand price",
            example="0.05",
            shape=r"[0-9]{1,4}(\.[0-9]{1,5})?",
        ),
    },
)

NETWORK = Group(
    what="where the machines stand, and who may reach them",
    required=True,
    keys={
        "vpcCidr": Text(
            what="/16 to /28; the range of the VPC the program makes. Its zones take a /20 each",
            change=REPLACES_EVERYTHING,
            default=defaults.VPC_CIDR,
            example=defaults.VPC_CIDR,
        ),
        "availabilityZones": Texts(
            what="the zones of that VPC, a subnet in each; the machines of a pool are spread "
            "over them in turn. EC2 is asked which of them have the instance types. Local Zones "
            "are not available",
            change="replaces the machines that move; with another number of zones, most do",
            default=[],
            shown="the region's first",
            example="eu-central-1a",
        ),
        "subnetIds": Texts(
            what="subnets of a VPC that exists already, in place of `vpcCidr` and "
            "`availabilityZones`; the program makes only the security groups in it",
            change=REPLACES_EVERYTHING,
            default=[],
            example="subnet-0123456789abcdef0",
        ),
        "publicAddresses": Flag(
            what="an Elastic IP for each machine. `false` needs `subnetIds` with a way out (NAT), "
            "and `pulumi up` has to run where the private addresses are reachable",
            change=REPLACES_EVERYTHING,
            default=True,
        ),
        "clusterCidr": Text(
            what="/8 to /24; addresses of pods, a /24 for each node",
            change=REPLACES_ALL,
            default=defaults.CLUSTER_CIDR,
            example=defaults.CLUSTER_CIDR,
        ),
        "serviceCidr": Text(
            what="/12 to /24; addresses of services",
            change=REPLACES_ALL,
            default=defaults.SERVICE_CIDR,
            example=defaults.SERVICE_CIDR,
        ),
        "apiAllowedCidrs": Texts(
            what="IPv4 ranges that may connect to the API, port 6443 of the server, or `caller`",
            change=NONE,
            required=True,
            example="203.0.113.0/24",
            why=OPEN,
        ),
        "sshAllowedCidrs": Texts(
            what="IPv4 ranges that may connect to SSH on every machine, or `caller`; an empty "
            "list switches SSH off ([what then works](security.md#ssh-switched-off))",
            change=NONE,
            required=True,
            example="203.0.113.0/24",
            why=OPEN,
            may_be_empty=True,
        ),
        "callerAddressUrl": Text(
            what="who is asked for the address behind `caller`; answers with an IPv4 address",
            change=NONE,
            default=defaults.CALLER_ADDRESS_URL,
            example=defaults.CALLER_ADDRESS_URL,
        ),
    },
)

COMPONENTS = {
    "traefik": Flag(what="the ingress controller", change=IN_PLACE, default=True),
    "servicelb": Flag(what="Services of type LoadBalancer", change=IN_PLACE, default=True),
    "metrics-server": Flag(what="`kubectl top`", change=IN_PLACE, default=True),
    "local-storage": Flag(
        what="the storage class `local-path`, volumes on the node's disk",
        change=IN_PLACE,
        default=True,
    ),
    "coredns": Flag(what="DNS of the cluster", change=IN_PLACE, default=True),
    "helm-controller": Flag(
        what="installs `charts` and Traefik; without it neither may be asked for",
        change=IN_PLACE,
        default=True,
    ),
    "network-policy": Flag(what="enforces NetworkPolicy", change=IN_PLACE, default=True),
}

K3S = Group(
    what="k3s itself",
    keys={
        "version": Text(
            what="the k3s release, in full; the pinned ones are in "
            "[cluster/releases.yaml](../cluster/releases.yaml)",
            change=IN_PLACE,
            default=defaults.K3S_VERSION,
            example=defaults.K3S_VERSION,
            shape=r"v\d+\.\d+\.\d+(-rc\d+)?\+[a-z0-9]+",
        ),
        "downloadUrl": Text(
            what="`<downloadUrl>/<version>/k3s` and `k3s-arm64` are fetched; http or https, the "
            "SHA-256 is checked either way",
            change="in place, no restart of its own",
            default=defaults.K3S_DOWNLOAD_URL,
            shown="the release page of k3s",
            example=defaults.K3S_DOWNLOAD_URL,
        ),
        "bucket": Flag(
            what="the program fetches k3s from `downloadUrl` and puts it into a bucket of this "
            "stack, from which the machines take it with their role",
            change="in place, no restart of its own",
            default=False,
        ),
        "sha256": Group(
            what="of files that are not pinned, or not for this architecture",
            shown="the pins",
            keys={
                architecture: Text(
                    what=f"SHA-256 of the file `{asset}`",
                    change=IN_PLACE,
                    shown="the pin",
                    example="0" * 64,
                    shape=SHA256_SHAPE,
                )
                for architecture, asset in releases.ASSETS.items()
            },
        ),
        "components": Group(
            what="the packaged components, by k3s's own names; `false` also removes one that runs",
            shown="all",
            keys=COMPONENTS,
        ),
        "flannelBackend": Text(
            what="how pods of different nodes reach each other. `host-gw` needs one subnet, and "
            "the program switches EC2's source/destination check off; with `none` a manifest has "
            "to bring the network, or no node becomes Ready",
            change=REPLACES_ALL,
            default="vxlan",
            example="vxlan",
            choices=("vxlan", "host-gw", "wireguard-native", "none"),
        ),
        "secretsEncryption": Flag(
            what="Secrets are encrypted in the datastore",
            change="replaces the servers",
            default=True,
        ),
        "registries": Free(
            what="the content of k3s's `registries.yaml`: `mirrors` and `configs`; passwords go "
            "into `k3s-aws:registryAuth`",
            change=IN_PLACE,
            default={},
        ),
        "server": Free(
            what="any key of `k3s server`, spelled as k3s spells it, such as "
            "`kube-apiserver-arg: [audit-log-maxage=30]`",
            change=IN_PLACE,
            default={},
        ),
        "agent": Free(
            what="any key of `k3s agent`, such as `kubelet-arg: [max-pods=60]`",
            change=IN_PLACE,
            default={},
        ),
    },
)

MANIFESTS = Groups(
    what="files of Kubernetes objects that k3s applies when the first server starts, and again "
    "when they change",
    default=[],
    keys={
        "name": Text(
            what="a name of your own for it; each once",
            change="applied under the new name; the objects stay",
            required=True,
            example="namespaces",
            shape=NAME_SHAPE,
        ),
        "content": Text(
            what="the objects as YAML text, or `file`",
            change="applied; an object that is no longer in it is deleted",
            shown="`file`",
            example="apiVersion: v1 ...",
        ),
        "file": Text(
            what="a file with the objects, from the project's folder",
            change="applied; an object that is no longer in it is deleted",
            shown="`content`",
            example="manifests/namespaces.yaml",
        ),
    },
)

CHARTS = Groups(
    what="Helm charts that k3s's Helm controller installs",
    default=[],
    keys={
        "name": Text(
            what="of the release; each once",
            change="installs another release; the old one stays",
            required=True,
            example="podinfo",
            shape=NAME_SHAPE,
        ),
        "chart": Text(
            what="its name in `repo`, or an `oci://` or `https://` address",
            change="applied",
            required=True,
            example="podinfo",
        ),
        "repo": Text(
            what="the chart repository",
            change="applied",
            shown="none",
            example="https://stefanprodan.github.io/podinfo",
        ),
        "version": Text(what="of the chart", change="applied", shown="the newest", example="6.7.1"),
        "namespace": Text(
            what="where its objects go; made when it is missing",
            change="applied",
            shown="`default`",
            example="podinfo",
            shape=NAME_SHAPE,
        ),
        "values": Free(what="the chart's values", change="applied", default={}),
    },
)

ROTATED = {
    "joinTokens": "the servers' and the agents' join token; k3s restarts on the servers",
    "loginKey": "the SSH key the program logs in with, unless `k3s-aws:loginKey` is set",
    "hostKeys": "the SSH host key of every machine",
}

ROTATION = Group(
    what="raise a number to make what it stands for anew, on the machines that run",
    keys={
        name: Number(what=what, change=IN_PLACE, default=1, low=1, high=1_000_000)
        for name, what in ROTATED.items()
    },
)

ROTATES = "a new kubeconfig; the one before is worthless at once"

IDENTITIES = Groups(
    what="who gets a kubeconfig besides the administrator, and what it may do; the first is the "
    "output `kubeconfig`. An empty list gives none",
    change="its rights are given, changed or taken at once; to no machine",
    default=list(defaults.IDENTITIES),
    shown="a deployer called `deployer` for the namespace `default`",
    keys={
        "name": Text(
            what="ends the name of the output `kubeconfig-<name>`; at most 32 characters, with the "
            "cluster's name at most 46, not `admin`, each once",
            change="a new identity; the one before loses its rights",
            required=True,
            example="ci",
            shape=NAME_SHAPE,
        ),
        "role": Text(
            what="`viewer` reads everything but Secrets, `deployer` makes and changes what "
            "applications are made of, Secrets among it; both also read nodes and the list of "
            "namespaces. Or `clusterRole`",
            change=ROTATES,
            shown="`clusterRole`",
            example="deployer",
            choices=("viewer", "deployer"),
        ),
        "clusterRole": Text(
            what="the name of a ClusterRole that the cluster has, in place of `role`",
            change=ROTATES,
            shown="`role`",
            example="admin",
            shape=r"[A-Za-z0-9]([A-Za-z0-9.:_-]*[A-Za-z0-9])?",
        ),
        "namespaces": Texts(
            what="where it has its role; a namespace that is missing is made, none is ever "
            "deleted. Must be given for a `deployer`",
            change="applied at once; the kubeconfig stays",
            shown="the whole cluster",
            example="default",
        ),
        "expiryDays": Number(
            what="how long a kubeconfig works. The first `pulumi up` in the last third makes "
            "another, and the one before works on until its end",
            change=ROTATES,
            default=defaults.IDENTITY_EXPIRY_DAYS,
            low=1,
            high=365,
        ),
        "generation": Number(
            what="raise it when a kubeconfig may have come into wrong hands",
            change=ROTATES,
            default=1,
            low=1,
            high=1_000_000,
        ),
    },
)

TOP = Group(
    what="The cluster; every key is described in docs/configuration.md",
    keys={
        "name": Text(
            what="begins the names of nodes and resources; lower-case letters, digits, hyphens, "
            "at most 32. A stack's name that is none is made into one, with a piece of its hash",
            change=REPLACES_EVERYTHING,
            shown="the stack's name",
            example="demo",
            shape=NAME_SHAPE,
        ),
        "owner": Text(
            what="tag `k3s-aws:owner` on everything", change=NONE, shown="no tag", example="team-a"
        ),
        "expiry": Text(
            what="tag `k3s-aws:expiry` on everything, a date or a time; nothing is deleted by it",
            change=NONE,
            shown="no tag",
            example="2027-01-31",
            shape=r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?Z)?",
        ),
        "tags": Table(
            what="further tags on everything", change=NONE, default={}, example="cost-centre: 4711"
        ),
        "k3s": K3S,
        "parameterKmsKeyArn": Text(
            what="the KMS key that encrypts the SSM parameters with the machines' secrets; the "
            "roles of the machines may decrypt with it, its own policy has to admit the account's "
            "IAM policies",
            change=NONE,
            shown="the account's own key, `aws/ssm`",
            example="arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f",
            shape=r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-z0-9-]+",
        ),
        "rotation": ROTATION,
        "image": Group(what="the image of all machines", shown="Debian 12", keys=IMAGE_KEYS),
        "servers": SERVERS,
        "pools": POOLS,
        "network": NETWORK,
        "manifests": MANIFESTS,
        "charts": CHARTS,
        "identities": IDENTITIES,
        "adminKubeconfig": Flag(
            what="the administrator's kubeconfig as output `adminKubeconfig`, read from the first "
            "server. Whoever has it may do everything, and it cannot be taken back: it works for a "
            "year, or for ten where SSH is switched off",
            change=NONE,
            default=False,
        ),
        "nodeDeadlineSeconds": Number(
            what="how long a node may take from its creation to Ready, and any later change of it",
            change=IN_PLACE,
            default=defaults.NODE_DEADLINE_SECONDS,
            low=60,
            high=3600,
        ),
        "drainSeconds": Number(
            what="how long pods may take to leave a node that is removed",
            change=NONE,
            default=defaults.DRAIN_SECONDS,
            low=0,
            high=3600,
        ),
    },
)
