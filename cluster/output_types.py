"""
The types of the stack's outputs as JSON Schema, draft 7.

The engine keeps every number as a floating-point one, so that 1 may be printed as 1.0; that is an
integer to a JSON Schema. What is null inside of a resource's output is left out by Pulumi's SDK, so
what may be null may also be missing. Objects may get further properties with a later release of
the program; what is listed here stays.
"""

from __future__ import annotations

from typing import Any, Final

from cluster.record import SCHEMA as RECORD_SCHEMA

Schema = dict[str, Any]

_ROLE: Final[Schema] = {"enum": ["server", "agent"]}
_ARCHITECTURE: Final[Schema] = {"enum": ["arm64", "x86_64"]}
_STRING: Final[Schema] = {"type": "string"}
_SECONDS: Final[Schema] = {"type": "number", "minimum": 0}
_SCALAR: Final[Schema] = {"type": ["string", "integer", "boolean"]}
_SHA256: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


def _list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _map_of(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(*, optional: Schema | None = None, **required: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
    }


KUBECONFIG: Final[Schema] = {"type": "string", "minLength": 1}
API_ENDPOINT: Final[Schema] = {"type": "string", "pattern": "^https://[^/]+:[0-9]+$"}
EXPIRES_AT: Final[Schema] = {"type": "string", "format": "date-time"}
SNAPSHOTS: Final[Schema] = {"type": "string", "pattern": "^s3://[^/]+/.+$"}

NODES: Final = _list_of(
    _object(
        name=_STRING,
        role=_ROLE,
        pool=_STRING,
        instanceId=_STRING,
        architecture=_ARCHITECTURE,
        privateIp=_STRING,
        k3sVersion=_STRING,
        readySeconds=_SECONDS,
        optional={"publicIp": _or_null(_STRING)},
    )
)

BOOT_REPORT: Final = _map_of(
    _object(
        schema={"type": "integer"},
        node=_STRING,
        instanceId=_STRING,
        role=_STRING,
        state={"enum": ["running", "done", "failed"]},
        phases=_list_of(
            _object(
                name=_STRING,
                startedAt={"type": "string", "format": "date-time"},
                # Null while the phase runs.
                optional={"seconds": _or_null(_SECONDS)},
            )
        ),
        optional={
            "error": _or_null(_object(phase=_STRING, cause=_STRING)),
            "k3s": _or_null(_object(version=_STRING, sha256=_STRING)),
        },
    )
)

BOM: Final = _object(
    program=_object(
        name=_STRING, version=_STRING, machineSchema={"type": "integer"}, bootProgramSha256=_SHA256
    ),
    k3s=_object(version=_STRING, sha256=_map_of(_SHA256), source=_map_of(_STRING)),
    images=_list_of(
        _object(
            id=_STRING,
            architecture=_ARCHITECTURE,
            pools=_list_of(_STRING),
            # None of an image that AWS no longer has.
            optional={"name": _or_null(_STRING)},
        )
    ),
    tools=_map_of(_or_null(_STRING)),
)

_AMOUNT: Final = _or_null({"type": "number", "minimum": 0})
_PRICED: Final[Schema] = {"unitPrice": _AMOUNT, "monthly": _AMOUNT, "hourly": _AMOUNT}
COST: Final = _object(
    currency={"type": "string", "pattern": "^[A-Z]{3}$"},
    unknown=_list_of(_STRING),
    items=_list_of(
        _object(
            name=_STRING,
            count={"type": "integer", "minimum": 1},
            unit={"enum": ["hour", "GiB month"]},
            # Null: not known.
            optional={**_PRICED, "estimated": {"const": True}},
        )
    ),
    optional={
        "monthly": _AMOUNT,
        "hourly": _AMOUNT,
        "untilExpiry": _AMOUNT,
        "pricesOf": _or_null({"type": "string", "format": "date"}),
    },
)

CLUSTER_RECORD: Final = _object(
    schema={"const": RECORD_SCHEMA},
    accountId=_STRING,
    region=_STRING,
    subnets=_list_of(_object(optional={"cidr": _STRING, "id": _STRING}, zone=_STRING)),
    nodeKeys=_map_of(_SCALAR),
    otherKeys=_map_of(_SCALAR),
    identityGenerations=_map_of({"type": "integer"}),
    pools=_list_of(
        _object(
            name=_STRING,
            role=_ROLE,
            count={"type": "integer"},
            architecture=_ARCHITECTURE,
            keys=_map_of(_SCALAR),
            # A record of an older release has none.
            optional={"policies": _map_of(_STRING)},
        )
    ),
    optional={"vpcId": _STRING},
)
