"""The volume of a server with the datastore, and the order in which it changes hands."""

from __future__ import annotations

import json
from typing import Any

from tests.components.recording import CONFIGURATION, Built, Recorded, build

VOLUME = "aws:ebs/volume:Volume"
ATTACHMENT = "aws:ec2/volumeAttachment:VolumeAttachment"
NAME = "demo-servers-0-data"


def volume(built: Built) -> Recorded:
    return built.of(VOLUME)[NAME]


def built_with(**changes: Any) -> Built:
    return build({**CONFIGURATION, **changes})


def test_a_server_alone_has_a_data_volume_encrypted_and_in_the_zone_of_its_subnet(
    built: Built,
) -> None:
    assert list(built.of(VOLUME)) == list(built.of(ATTACHMENT)) == [NAME]
    subnet = built.of("aws:ec2/subnet:Subnet")["demo-public-0"]
    assert {key: each for key, each in volume(built).inputs.items() if key != "tags"} == {
        "availabilityZone": subnet.inputs["availabilityZone"],
        "encrypted": True,
        "size": 10.0,
        "type": "gp3",
    }


def test_the_zone_is_that_of_a_subnet_that_exists() -> None:
    network = {**CONFIGURATION["network"], "subnetIds": ["subnet-b0123456789abcdef"]}
    zone = volume(built_with(network=network)).inputs["availabilityZone"]
    assert zone == "eu-central-1b"


def test_no_other_cluster_has_a_volume_with_its_tags(built: Built) -> None:
    tags = volume(built).inputs["tags"]
    assert (tags["Name"], tags["k3s-aws:authority"]) == (NAME, "ab" * 8)


def test_it_has_the_size_of_the_configuration() -> None:
    servers = {**CONFIGURATION["servers"], "dataVolumeGib": 40}
    built = built_with(servers=servers)
    assert volume(built).inputs["size"] == 40
    config = built.of("k3s:index:Node")["demo-servers-0"].inputs["nodeConfig"]
    assert config["own"]["dataVolumeGib"] == 40


def test_another_image_replaces_the_machine_and_not_the_volume(built: Built) -> None:
    other = built_with(image={"generation": 2})
    assert volume(other) == volume(built)
    template = "k3s:index:MachineTemplate"
    before, after = (each.of(template)["demo-servers-0"].inputs for each in (built, other))
    assert before["generation"] != after["generation"]


def test_what_is_fixed_in_the_datastore_replaces_the_volume(built: Built) -> None:
    trigger = volume(built).replacement_trigger
    network = {**CONFIGURATION["network"], "clusterCidr": "10.200.0.0/16"}
    assert volume(built_with(network=network)).replacement_trigger != trigger
    k3s = {"secretsEncryption": False}
    assert volume(built_with(k3s=k3s)).replacement_trigger != trigger


def test_the_instance_stops_before_its_volume_is_detached(built: Built) -> None:
    attachment = built.of(ATTACHMENT)[NAME]
    assert attachment.inputs == {
        "deviceName": "/dev/sdf",
        "instanceId": "demo-servers-0-id",
        "volumeId": f"{NAME}-id",
        "stopInstanceBeforeDetaching": True,
    }
    assert attachment.delete_before_replace


def test_a_volume_that_goes_with_its_cluster_is_detached_by_the_end_of_the_instance(
    built: Built,
) -> None:
    assert built.of(ATTACHMENT)[NAME].deleted_with.endswith(f"{VOLUME}::{NAME}")
    # Its data outlives every machine.
    assert volume(built).deleted_with == ""


def test_the_node_of_a_server_is_deleted_before_its_volume_is_detached(built: Built) -> None:
    nodes = built.of("k3s:index:Node")
    (after,) = [urn for urn in nodes["demo-servers-0"].depends_on if ATTACHMENT in urn]
    assert after.endswith(f"::{NAME}")
    assert not [urn for urn in nodes["demo-agents-0"].depends_on if "builders" in urn]


def test_the_machine_finds_its_volume_by_the_id(built: Built) -> None:
    own = built.of("k3s:index:Node")["demo-servers-0"].inputs["nodeConfig"]["own"]
    assert own["dataVolume"] == f"{NAME}-id"
    agent = built.of("k3s:index:Node")["demo-agents-0"].inputs["nodeConfig"]["own"]
    assert "dataVolume" not in json.dumps(agent)


def test_the_data_of_the_cluster_is_what_the_volume_has(built: Built) -> None:
    (datastore,) = built.of("k3s:index:Datastore").values()
    record = built.of("aws:ssm/parameter:Parameter")["demo-datastore"]
    assert datastore.inputs["storageId"] == record.inputs["insecureValue"] == f"{NAME}-id"
