"""The keys of `endpoint`."""

from __future__ import annotations

from cluster.effect import Effect
from cluster.reading import checks
from cluster.reading.declarations import Boolean, Key, Object, String

_NOTE = "certificates and kubeconfigs"

_KEYS: dict[str, Key] = {
    "type": String(
        "the kind of endpoint, below",
        Effect.IN_PLACE,
        _NOTE,
        default_text="`loadBalancer` with several servers",
        example="loadBalancer",
        choices=("serverAddress", "loadBalancer", "dnsName"),
    ),
    "internal": Boolean(
        "whether the endpoint has private addresses",
        Effect.IN_PLACE,
        _NOTE,
        default_text="`true` where `network.publicAddresses` is `false`",
    ),
    "hostname": String(
        "of `dnsName`: the name that clients connect to",
        Effect.IN_PLACE,
        _NOTE,
        example="k3s.example.com",
        check=checks.dns_name,
    ),
    "route53ZoneId": String(
        "of `dnsName`: the hosted zone in which the program keeps the record of the name",
        Effect.NONE,
        default_text="no record",
        example="Z0123456789ABCDEFGHIJ",
        noun="id of a hosted zone",
        hint="write the id of the zone, such as {}",
        pattern=r"Z[0-9A-Z]{1,31}",
    ),
}

ENDPOINT = Object("where clients connect to the Kubernetes API", keys=_KEYS)
