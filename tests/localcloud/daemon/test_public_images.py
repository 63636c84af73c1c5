"""The images the local cloud offers are found the way the program finds them."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.localcloud.daemon.local_cloud import LocalCloud


@pytest.mark.parametrize(("named", "architecture"), [("amd64", "x86_64"), ("arm64", "arm64")])
def test_the_public_parameter_names_an_image_of_its_architecture(
    cloud: LocalCloud, named: str, architecture: str
) -> None:
    parameter = f"/aws/service/debian/release/12/latest/{named}"
    image = cloud.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
    found = cloud.ec2.describe_images(ImageIds=[image])["Images"]
    assert [(each["Architecture"], each["OwnerId"]) for each in found] == [
        (architecture, "136693071363")
    ]


def test_an_unknown_image_or_type_is_refused(cloud: LocalCloud) -> None:
    known = {"ImageId": cloud.image(), "InstanceType": "t3.small"}
    for change, code in (
        ({"ImageId": "ami-12345678"}, "InvalidAMIID.NotFound"),
        ({"InstanceType": "t9.huge"}, "InvalidInstanceType"),
    ):
        with pytest.raises(ClientError) as refused:
            cloud.ec2.run_instances(MinCount=1, MaxCount=1, **{**known, **change})
        assert code in refused.value.response["Error"]["Code"]
