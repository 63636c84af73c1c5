"""The metadata service, asked over HTTP as cloud-init and the boot program ask it."""

from __future__ import annotations

import gzip
import json
import urllib.parse
from pathlib import Path

from tests.localcloud.daemon.local_cloud import LocalCloud

REQUIRED = {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
TTL = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "X-aws-ec2-metadata-token"
LOGIN_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAabVGUOrN5QcZwtg8XWBNOXzgB1yvsLxCfyGTqUsV1F me"
USER_DATA = gzip.compress(b"#cloud-config\n", mtime=0)


def test_a_session_needs_a_life_and_no_proxy(cloud: LocalCloud) -> None:
    instance_id = cloud.running_instance(MetadataOptions=REQUIRED)
    lives = {"60": 200, "21600": 200, "21601": 400, "0": 400, "soon": 400}
    path = "/latest/api/token"
    found = {life: cloud.request(instance_id, "PUT", path, {TTL: life})[0] for life in lives}
    assert found == lives
    assert cloud.request(instance_id, "PUT", path) == (400, b"")
    proxied = {TTL: "60", "X-Forwarded-For": "198.51.100.7"}
    assert cloud.request(instance_id, "PUT", path, proxied) == (403, b"")


def test_without_a_session_nothing_is_returned_when_one_is_required(cloud: LocalCloud) -> None:
    instance_id = cloud.running_instance(MetadataOptions=REQUIRED)
    path = "/latest/meta-data/instance-id"
    assert cloud.request(instance_id, "GET", path) == (401, b"")
    assert cloud.request(instance_id, "GET", path, {TOKEN: "invented"}) == (401, b"")
    assert cloud.metadata(instance_id, path) == instance_id


def test_a_session_is_not_needed_where_it_is_optional(cloud: LocalCloud) -> None:
    instance_id = cloud.running_instance(MetadataOptions={"HttpTokens": "optional"})
    answer = cloud.request(instance_id, "GET", "/latest/meta-data/instance-id")
    assert answer == (200, instance_id.encode())


def test_a_disabled_service_returns_nothing(cloud: LocalCloud) -> None:
    instance_id = cloud.running_instance(MetadataOptions={"HttpEndpoint": "disabled"})
    assert cloud.request(instance_id, "PUT", "/latest/api/token", {TTL: "60"}) == (403, b"")


def test_the_service_describes_the_machine(cloud: LocalCloud) -> None:
    vpc, subnet = cloud.network()
    group = cloud.group(vpc, "servers")
    interface = cloud.interface(subnet, group)
    address = cloud.ec2.allocate_address(Domain="vpc")
    cloud.ec2.associate_address(
        AllocationId=address["AllocationId"], NetworkInterfaceId=interface["NetworkInterfaceId"]
    )
    instance_id = cloud.run(interface["NetworkInterfaceId"])
    cloud.becomes(instance_id, "running")
    private, mac = interface["PrivateIpAddress"], interface["MacAddress"]
    reported = {
        "instance-id": instance_id,
        "instance-type": "t3.small",
        "ami-id": cloud.image(),
        "local-ipv4": private,
        "local-hostname": f"ip-{private.replace('.', '-')}.ec2.internal",
        "public-ipv4": address["PublicIp"],
        "mac": mac,
        "placement/": "availability-zone\nregion",
        "placement/region": "us-east-1",
        "services/partition": "aws",
        "services/domain": "amazonaws.com",
        "security-groups": "servers",
        "network/interfaces/macs/": f"{mac}/",
        f"network/interfaces/macs/{mac}/interface-id": interface["NetworkInterfaceId"],
        f"network/interfaces/macs/{mac}/subnet-ipv4-cidr-block": "10.79.0.0/20",
        f"network/interfaces/macs/{mac}/public-ipv4s": address["PublicIp"],
        f"network/interfaces/macs/{mac}/device-number": "0",
        "block-device-mapping/root": "/dev/xvda",
    }
    found = {path: cloud.metadata(instance_id, f"/latest/meta-data/{path}") for path in reported}
    assert found == reported


def test_a_login_key_is_listed_only_when_there_is_one(cloud: LocalCloud) -> None:
    _, subnet = cloud.network()
    cloud.ec2.import_key_pair(
        KeyName="own",
        PublicKeyMaterial=LOGIN_KEY.encode(),
    )
    keyed = cloud.run(cloud.interface(subnet)["NetworkInterfaceId"], KeyName="own")
    bare = cloud.run(cloud.interface(subnet)["NetworkInterfaceId"])
    cloud.becomes(keyed, "running")
    cloud.becomes(bare, "running")
    assert cloud.metadata(keyed, "/latest/meta-data/public-keys/") == "0=own"
    path = "/latest/meta-data/public-keys/0/openssh-key"
    assert cloud.metadata(keyed, path) == LOGIN_KEY
    assert "public-keys" not in cloud.metadata(bare, "/latest/meta-data/")


def test_every_name_in_a_listing_has_a_response(cloud: LocalCloud) -> None:
    profile = cloud.profile("reader")
    instance_id = cloud.running_instance(IamInstanceProfile=profile, MetadataOptions=REQUIRED)
    seen: list[str] = []
    ahead = ["/2021-03-23/meta-data/", "/2021-03-23/dynamic/"]
    while ahead:
        path = ahead.pop()
        for name in cloud.metadata(instance_id, path).split("\n"):
            seen.append(path + name)
            if name.endswith("/"):
                ahead.append(path + name)
            else:
                cloud.metadata(instance_id, path + urllib.parse.quote(name))
    assert "/2021-03-23/dynamic/instance-identity/document" in seen
    assert "/2021-03-23/meta-data/iam/security-credentials/reader" in seen


def test_user_data_comes_as_it_was_given(cloud: LocalCloud) -> None:
    instance_id = cloud.running_instance(UserData=USER_DATA)
    assert cloud.request(instance_id, "GET", "/latest/user-data") == (200, USER_DATA)


def test_no_user_data_is_not_found(cloud: LocalCloud) -> None:
    instance_id = cloud.running_instance()
    assert cloud.request(instance_id, "GET", "/latest/user-data")[0] == 404
    assert cloud.request(instance_id, "GET", "/latest/meta-data/iam/info")[0] == 404


def test_the_identity_document_names_the_account(cloud: LocalCloud) -> None:
    instance_id = cloud.running_instance()
    path = "/latest/dynamic/instance-identity/document"
    document = json.loads(cloud.metadata(instance_id, path))
    assert (document["accountId"], document["instanceId"], document["architecture"]) == (
        "123456789012",
        instance_id,
        "x86_64",
    )


def test_credentials_stay_until_the_role_changes(cloud: LocalCloud) -> None:
    instance_id = cloud.running_instance(IamInstanceProfile=cloud.profile("first"))
    path = "/latest/meta-data/iam/security-credentials"
    before = json.loads(cloud.metadata(instance_id, f"{path}/first"))
    assert json.loads(cloud.metadata(instance_id, f"{path}/first")) == before
    found = cloud.ec2.describe_iam_instance_profile_associations()
    association = found["IamInstanceProfileAssociations"][0]["AssociationId"]
    cloud.ec2.replace_iam_instance_profile_association(
        AssociationId=association, IamInstanceProfile=cloud.profile("second")
    )
    after = json.loads(cloud.metadata(instance_id, f"{path}/second"))
    assert after["AccessKeyId"] != before["AccessKeyId"]


def test_nothing_secret_is_left_in_the_home_folder(cloud: LocalCloud, tmp_path: Path) -> None:
    instance_id = cloud.running_instance(IamInstanceProfile=cloud.profile("reader"))
    path = "/latest/meta-data/iam/security-credentials/reader"
    secret = json.loads(cloud.metadata(instance_id, path))["SecretAccessKey"].encode()
    assert [file for file in tmp_path.iterdir() if secret in file.read_bytes()] == []
    assert (tmp_path / "endpoints.pem").stat().st_mode & 0o777 == 0o600
