"""Records of Route 53."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from localcloud.aws_plugin.resources.kind import Inputs, Kind, in_order_of, properties
from localcloud.aws_plugin.session import Session
from localcloud.aws_plugin.values import Values

SYNC_SECONDS = 1800.0
COMMENT = "Managed by Pulumi's stand-in"


class Record(Kind):
    token = "aws:route53/record:Record"
    inputs = properties("zoneId name type ttl records allowOverwrite")
    replaces = properties("zoneId name")
    computed = properties("allowOverwrite")

    def faults(self, inputs: Inputs) -> Iterator[tuple[str, str]]:
        if not inputs.get("records"):
            yield "records", "one of aliases, records must be specified"
        elif inputs.get("ttl") is None:
            yield "ttl", "ttl must be specified with records"

    def create(self, aws: Session, inputs: Inputs) -> str:
        action = "UPSERT" if inputs.get("allowOverwrite") else "CREATE"
        _change(aws, inputs, (action, _record_set(aws, inputs)))
        return "_".join([inputs["zoneId"], _plain(inputs["name"]), inputs["type"]])

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        zone, _, rest = id_.partition("_")
        name, _, kind = rest.rpartition("_")
        inputs = {"zoneId": zone, "name": name, "type": kind, **known}
        found = _find(aws, inputs)
        if found is None:
            return None
        outputs = {
            "zoneId": inputs["zoneId"],
            "name": _plain(inputs["name"]),
            "type": found["Type"],
            "ttl": found.get("TTL"),
            "records": [each["Value"] for each in found.get("ResourceRecords", [])],
            "fqdn": found["Name"].removesuffix("."),
            "allowOverwrite": known.get("allowOverwrite"),
        }
        return in_order_of(outputs, known, "records")

    def compared(self, previous: Inputs, inputs: Inputs, state: Inputs) -> Values:
        return in_order_of(previous, inputs, "records")

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        if old["type"] == new["type"]:
            _change(aws, new, ("UPSERT", _record_set(aws, new)))
            return
        action = "UPSERT" if new.get("allowOverwrite") else "CREATE"
        _change(aws, new, ("DELETE", _record_set(aws, old)), (action, _record_set(aws, new)))

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        found = _find(aws, known)
        if found is not None:
            _change(aws, known, ("DELETE", found))


def _plain(name: str) -> str:
    return name.removesuffix(".").lower()


def _full_name(aws: Session, inputs: Inputs) -> str:
    """The name with its zone's, which a record may be given without."""
    zone = aws.client("route53").get_hosted_zone(Id=inputs["zoneId"])["HostedZone"]["Name"]
    name, suffix = _plain(inputs["name"]), _plain(zone)
    if name == suffix or name.endswith(f".{suffix}"):
        return name
    return f"{name}.{suffix}" if name else suffix


def _record_set(aws: Session, inputs: Inputs) -> dict[str, Any]:
    return {
        "Name": _full_name(aws, inputs),
        "Type": inputs["type"],
        "TTL": int(inputs["ttl"]),
        "ResourceRecords": [{"Value": each} for each in sorted(inputs["records"])],
    }


def _find(aws: Session, inputs: Inputs) -> dict[str, Any] | None:
    name = _full_name(aws, inputs)
    listed = aws.client("route53").list_resource_record_sets(
        HostedZoneId=inputs["zoneId"],
        StartRecordName=name,
        StartRecordType=inputs["type"],
        MaxItems="1",
    )["ResourceRecordSets"]
    for each in listed:
        if (_plain(each["Name"]), each["Type"]) == (name, inputs["type"]):
            return dict(each)
    return None


def _change(aws: Session, inputs: Inputs, *changes: tuple[str, dict[str, Any]]) -> None:
    route53 = aws.client("route53")
    batch = [{"Action": action, "ResourceRecordSet": record} for action, record in changes]
    made = route53.change_resource_record_sets(
        HostedZoneId=inputs["zoneId"], ChangeBatch={"Comment": COMMENT, "Changes": batch}
    )["ChangeInfo"]

    def status() -> str | None:
        found = route53.get_change(Id=made["Id"])["ChangeInfo"]["Status"]
        return None if found == "INSYNC" else str(found)

    aws.wait(f"record {inputs['name']}", SYNC_SECONDS, status)
