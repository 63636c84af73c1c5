"""The keys of `network`."""

from __future__ import annotations

from ipaddress import IPv4Network

from cluster import defaults, network
from cluster.effect import Effect
from cluster.errors import Kind
from cluster.reading import checks, ports
from cluster.reading.declarations import Boolean, Key, Object, Objects, String, Strings
from cluster.reading.faults import Fault

# EC2 allows VPCs from /16 to /28; Kubernetes allows at most 20 bits of services.
_WIDEST = {"vpcCidr": 16, "clusterCidr": 8, "serviceCidr": 12}
_NARROWEST = {"vpcCidr": 28, "clusterCidr": network.NODE_PREFIX, "serviceCidr": 24}


def _range(key: str, default: str, description: str, note: str) -> String:
    return String(
        f"/{_WIDEST[key]} to /{_NARROWEST[key]}; {description}",
        Effect.REPLACE,
        note=note,
        default=default,
        check=checks.range_check(_WIDEST[key], _NARROWEST[key], default),
        parser=IPv4Network,
    )


# Amazon's own; its response is the address of the request.
_CALLER_ADDRESS_URL = "https://checkip.amazonaws.com"
_OPEN = "nothing is open by default, and the program itself has to reach the machines"
_ALLOWED = String(example="203.0.113.0/24", check=checks.allowed_range)
_EMPTY = Fault(f"is empty: {_OPEN}", 'write a list such as ["203.0.113.0/24"]', Kind.REQUIRED)


def _allow_list(description: str, empty: Fault | None) -> Strings:
    return Strings(
        description, Effect.NONE, required=True, reason=_OPEN, item=_ALLOWED, empty=empty
    )


INGRESS = Objects(
    "further ports to open, such as those of an ingress controller",
    Effect.NONE,
    keys={
        "name": String(
            "a name of your own for it; at most 32 characters, each once",
            Effect.NONE,
            required=True,
            example="web",
            pattern=checks.NAME_PATTERN,
            check=checks.name_check(checks.NAME_LENGTH, "web"),
        ),
        "ports": Strings(
            'ports and ranges of ports, such as `443` and `"30000-32767"`',
            Effect.NONE,
            required=True,
            item=ports.PortRange(example="443"),
            empty=Fault("is empty", "write a list such as [443]", Kind.REQUIRED),
        ),
        "protocol": String(
            "the protocol of the ports", Effect.NONE, default="tcp", choices=("tcp", "udp")
        ),
        "from": Strings(
            "IPv4 ranges, `caller`, or `nodes` for every machine of the cluster",
            Effect.NONE,
            required=True,
            item=String(example="203.0.113.0/24", check=checks.source),
            empty=Fault("is empty", 'write a list such as ["203.0.113.0/24"]', Kind.REQUIRED),
        ),
        "machines": String(
            "the machines that let it in",
            Effect.NONE,
            default_text="`agents`, or `servers` where there are no pools",
            example="agents",
            choices=("agents", "servers", "all"),
        ),
    },
)

_KEYS: dict[str, Key] = {
    "vpcCidr": _range(
        "vpcCidr", "10.64.0.0/16", "the range of the VPC that the program creates", "everything"
    ),
    "availabilityZones": Strings(
        "the zones of that VPC, a subnet in each, for a pool's machines in turn",
        Effect.REPLACE,
        "the machines whose subnet changes",
        default_text="the region's first",
        item=String(
            example="eu-central-1a",
            noun="zone name",
            hint="write it as EC2 does, such as {}",
            pattern=r"[a-z0-9-]+",
        ),
    ),
    "subnetIds": Strings(
        "subnets that exist, in place of `vpcCidr` and `availabilityZones`",
        Effect.REPLACE,
        "the machines whose subnet changes",
        item=String(
            example="subnet-0123456789abcdef0",
            noun="subnet id",
            hint="write it as EC2 does, such as {}",
            pattern=r"subnet-([0-9a-f]{8}|[0-9a-f]{17})",
        ),
    ),
    "publicAddresses": Boolean(
        "an Elastic IP for each machine; `false` needs `subnetIds`",
        Effect.IN_PLACE,
        "another API endpoint",
        default=True,
    ),
    "clusterCidr": _range(
        "clusterCidr",
        defaults.CLUSTER_CIDR,
        "addresses of pods, a /24 for each node",
        "all machines",
    ),
    "serviceCidr": _range(
        "serviceCidr", defaults.SERVICE_CIDR, "addresses of services", "all machines"
    ),
    "apiAllowedCidrs": _allow_list(
        "IPv4 ranges that may connect to the API, port 6443 of the server, or `caller`", _EMPTY
    ),
    "sshAllowedCidrs": _allow_list(
        "IPv4 ranges that may connect to SSH on every machine, or `caller`; an empty list disables "
        "SSH",
        None,
    ),
    "callerAddressUrl": String(
        "the service that returns the IPv4 address for `caller`",
        Effect.NONE,
        default=_CALLER_ADDRESS_URL,
        check=checks.base_url_check(_CALLER_ADDRESS_URL),
        parser=checks.without_slash,
    ),
    "ingress": INGRESS,
}

NETWORK = Object("the machines' network, and who may reach them", required=True, keys=_KEYS)
