"""The configuration compared with the outputs of the last update."""

from __future__ import annotations

from typing import Any

import pytest

from cluster import comparison, record, record_json
from cluster.errors import ChangeRejected
from tests.cluster.records import recorded, resolved

NODE = {"name": "demo-servers-1a2b3c4d", "pool": "servers", "architecture": "arm64"}
AGENT = {"name": "demo-agents-1a2b3c4d", "pool": "agents", "architecture": "x86_64"}


def older(*servers: dict[str, Any], version: str = "v1.36.4+k3s1") -> dict[str, Any]:
    """The outputs of a release without the record."""
    nodes = [*(servers or (NODE,)), AGENT]
    return {"nodes": nodes, "bom": {"k3s": {"version": version}}}


def rejection(outputs: dict[str, Any], **keys: Any) -> str:
    with pytest.raises(ChangeRejected) as error:
        comparison.compare(outputs, resolved(**keys))
    return str(error.value)


def test_before_the_first_update_there_is_nothing_to_compare_with() -> None:
    assert comparison.compare({}, resolved()) == ()


def test_every_rejection_is_in_one_error_with_its_number() -> None:
    made = recorded(data_volume_gib=None, servers={"rootVolumeGib": 40}, rotation={"loginKey": 2})
    assert rejection({record.OUTPUT: record_json.render(made)}) == (
        "the change of the running cluster has 2 problems\n\n"
        "cluster.servers.rootVolumeGib: must be at least 40, the size of the volume, found 20\n"
        "    set it to 40 or more; EC2 cannot shrink a volume\n"
        "cluster.rotation.loginKey: must not be lowered from 2 to 1: another number renews the "
        "secret again, and brings none back\n"
        "    keep 2, or raise it"
    )


def test_what_is_allowed_is_a_warning() -> None:
    outputs = {record.OUTPUT: record_json.render(record.of(resolved()))}
    cluster = resolved(network={"serviceCidr": "10.45.0.0/16"}, allowDataLoss=True)
    (warning,) = {each.path for each in comparison.compare(outputs, cluster)}
    assert warning == "cluster.network.serviceCidr"


@pytest.mark.parametrize("content", [5, {}, {"schema": 2}, {"schema": 1, "pools": 7}])
def test_an_unreadable_record_is_a_warning_and_what_else_is_known_is_compared(
    content: object,
) -> None:
    outputs = {**older(), record.OUTPUT: content}
    (warning,) = comparison.compare(outputs, resolved())
    assert warning.path == f"output {record.OUTPUT}"
    assert "so that little is compared with the last update: " in warning.what
    assert "cluster.k3s.version: must not be older than" in rejection(
        {**outputs, "bom": {"k3s": {"version": "v1.37.1+k3s1"}}}
    )
    # Where the data is, is not known.
    assert comparison.compare(outputs, resolved(servers={"instanceType": "t3.small"}))


@pytest.mark.parametrize(
    ("outputs", "keys", "expected"),
    [
        (older(version="v1.37.1+k3s1"), {}, "cluster.k3s.version: must not be older than"),
        (older(version="v1.34.9+k3s1"), {}, "is more than one minor version after"),
        (older(NODE, NODE, NODE), {}, "cluster.servers.count: must not go from 3 to 1"),
        (older(), {"name": "other"}, 'cluster.name: "other" is not the name that "demo-servers-1a'),
        (
            older(),
            {"servers": {"instanceType": "t3.small"}},
            "cluster.servers.instanceType: changes the architecture from arm64 to x86_64, while "
            "the datastore is on the root volume",
        ),
    ],
)
def test_the_outputs_of_an_older_release_are_compared(
    outputs: dict[str, Any], keys: dict[str, Any], expected: str
) -> None:
    assert expected in rejection(outputs, **keys)


def test_the_outputs_of_an_older_release_are_no_hindrance() -> None:
    assert comparison.compare(older(), resolved()) == ()
    allowed = resolved(servers={"instanceType": "t3.small"}, name="other", allowDataLoss=True)
    assert comparison.compare(older(), allowed) == ()


@pytest.mark.parametrize(
    "outputs",
    [
        {"nodes": 5},
        {"nodes": [5, {"pool": "servers"}], "bom": 5},
        {"nodes": [{"pool": "servers", "name": 5, "architecture": "arm64"}], "bom": {"k3s": 5}},
        {"nodes": [NODE], "bom": {"k3s": {"version": 5}}},
    ],
)
def test_damaged_outputs_cause_no_trace(outputs: dict[str, Any]) -> None:
    assert comparison.compare(outputs, resolved()) == ()
