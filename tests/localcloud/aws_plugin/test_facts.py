"""
The stand-in's lists of properties agree with the real plugin.

What the installed pulumi_aws says is read from it: its inputs, its outputs, which inputs AWS fills
in, which outputs are secret, and what its descriptions say of replacement. It says that of two of
the stand-in's inputs only; which others replace a resource is recorded here (see REPLACES).
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import re
from functools import cache
from typing import Any

import pytest

from localcloud.aws_plugin import VERSION, resources
from localcloud.aws_plugin.resources.kind import Kind
from tests.repo.test_promises import tracked
from toolchain.places import ROOT

KINDS = pytest.mark.parametrize("kind", resources.KINDS.values(), ids=resources.KINDS)
REPLACEMENT = re.compile(r"forces? (a )?(new|re-?creation|replacement)|recreate", re.I)
OPTIONAL = re.compile(r"pulumi\.(?:\w+\.)*Output\[(typing\.)?Optional")
# `replace_paths` of `terraform plan` with hashicorp/aws 5.100.0 against moto, every input of the
# stand-in changed once. primaryNetworkInterface is newer:
# https://github.com/hashicorp/terraform-provider-aws/blob/v6.0.0/internal/service/ec2/ec2_instance.go
# Load balancers and records: `ForceNew` in the schemas of elbv2/ and route53/ in
# https://github.com/hashicorp/terraform-provider-aws/tree/v6.0.0/internal/service
REPLACES = {
    "Vpc": "cidrBlock",
    "Subnet": "availabilityZone cidrBlock vpcId",
    "InternetGateway": "",
    "RouteTable": "vpcId",
    "Route": "destinationCidrBlock routeTableId",
    "RouteTableAssociation": "subnetId",
    "SecurityGroup": "description name vpcId",
    "SecurityGroupIngressRule": "securityGroupId",
    "SecurityGroupEgressRule": "securityGroupId",
    "NetworkInterface": "subnetId",
    "Eip": "domain",
    "Instance": "ami instanceMarketOptions primaryNetworkInterface rootBlockDevice.encrypted",
    "Volume": "availabilityZone encrypted kmsKeyId",
    "VolumeAttachment": "deviceName instanceId volumeId",
    "Role": "name",
    "RolePolicy": "name role",
    "InstanceProfile": "name",
    "Parameter": "name",
    "Bucket": "bucket",
    "BucketPublicAccessBlock": "bucket",
    "BucketObjectv2": "bucket key",
    "BucketLifecycleConfiguration": "bucket",
    "BucketServerSideEncryptionConfiguration": "bucket",
    # And subnets and security groups where one is removed, see test_load_balancers.py.
    "LoadBalancer": "internal loadBalancerType name",
    "TargetGroup": "ipAddressType name port protocol targetType vpcId",
    "TargetGroupAttachment": "availabilityZone port targetGroupArn targetId",
    "Listener": "loadBalancerArn",
    "Record": "name zoneId",
}
# `optional` and `computed` in `terraform providers schema -json` of hashicorp/aws 5.100.0: of what
# is inside an object pulumi_aws does not say it.
COMPUTED_INSIDE = {
    # https://github.com/hashicorp/terraform-provider-aws/blob/v6.0.0/internal/service/elbv2/target_group.go
    "healthCheck.matcher",
    "healthCheck.path",
    "healthCheck.timeout",
    "metadataOptions.httpPutResponseHopLimit",
    "metadataOptions.httpTokens",
    "metadataOptions.instanceMetadataTags",
    "rootBlockDevice.encrypted",
    "rootBlockDevice.volumeSize",
    "rootBlockDevice.volumeType",
}
# The SDK types an asset as if it were always there; in Terraform's schema it is optional only.
ASSETS = {"source"}


def name_of(kind: Kind) -> str:
    return kind.token.rsplit(":", 1)[1]


@cache
def sdk(token: str, suffix: str = "") -> Any:
    """The class of a type in pulumi_aws."""
    _, module, name = token.split(":")
    found = importlib.import_module(f"pulumi_aws.{module.split('/')[0]}")
    # Where an object inside of it has the usual name, the SDK has another one.
    if suffix == "Args" and hasattr(found, f"{name}InitArgs"):
        suffix = "InitArgs"
    return getattr(found, name + suffix)


@cache
def property_names(token: str) -> dict[str, str]:
    """Each property of a type in Python, with the plugin's name."""
    found = {}
    for cls in (sdk(token), sdk(token, "Args")):
        for name, each in vars(cls).items():
            if isinstance(each, property) and each.fget is not None:
                found[name] = str(getattr(each.fget, "_pulumi_name", name))
    return found


@cache
def arguments(token: str) -> dict[str, inspect.Parameter]:
    """The inputs of a type by the plugin's name."""
    given = inspect.signature(sdk(token, "Args").__init__).parameters
    names = property_names(token)
    return {names[name]: each for name, each in given.items() if name != "__self__"}


def computed(token: str) -> set[str]:
    """Inputs that need not be given and are always there afterwards, without a default."""
    defaults = inspect.getsource(sdk(token, "Args").__init__)
    return {
        name
        for python, name in property_names(token).items()
        if (argument := arguments(token).get(name)) is not None
        if argument.default is not inspect.Parameter.empty
        if not re.search(rf"^\s+if {python} is None:$", defaults, re.M)
        if (output := vars(sdk(token)).get(python)) is not None
        if not OPTIONAL.match(str(output.fget.__annotations__["return"]))
    }


@KINDS
def test_every_input_is_one_of_the_sdk(kind: Kind) -> None:
    assert kind.inputs <= set(arguments(kind.token))


@KINDS
def test_what_aws_fills_in_is_what_the_sdk_always_gives(kind: Kind) -> None:
    top = {each for each in kind.computed if "." not in each}
    generated = {kind.named} if kind.named else set()
    assert top | generated == ((computed(kind.token) & kind.inputs) - ASSETS) | generated
    inside = {each for each in kind.computed if "." in each}
    assert inside == {each for each in COMPUTED_INSIDE if each.split(".")[0] in kind.inputs}


@KINDS
def test_the_secret_outputs_are_the_sdks(kind: Kind) -> None:
    source = inspect.getsource(sdk(kind.token))
    found = re.search(r"additional_secret_outputs=\[([^\]]*)\]", source)
    secrets = set(re.findall(r'"(\w+)"', found[1] if found else ""))
    assert kind.secrets == secrets & (kind.inputs | kind.secrets)


@KINDS
def test_what_replaces_a_resource_is_what_replaces_the_real_one(kind: Kind) -> None:
    assert kind.replaces == set(REPLACES[name_of(kind)].split())


def test_the_sdk_describes_no_other_replacement() -> None:
    found = {
        f"{name_of(kind)}.{name}"
        for kind in resources.KINDS.values()
        for python, name in property_names(kind.token).items()
        if name in kind.inputs
        if (getter := vars(sdk(kind.token, "Args")).get(python)) is not None
        if REPLACEMENT.search(getter.fget.__doc__ or "")
    }
    # Of a load balancer only some changes do, see test_load_balancers.py.
    balancers = {"LoadBalancer.securityGroups", "LoadBalancer.subnets"}
    assert found - balancers == {"Instance.userDataBase64", "Instance.userDataReplaceOnChange"}
    (instance,) = (each for each in resources.KINDS.values() if name_of(each) == "Instance")
    given = {"userDataReplaceOnChange": True}
    assert instance.replaced_by("userDataBase64", given)
    assert not instance.replaced_by("userDataBase64", {})


def test_its_version_is_the_sdks_and_written_nowhere_else() -> None:
    rooms = ("localcloud", "demo", "bench", "tests/localcloud", "tests/demo", "tests/bench")
    places = [ROOT / room for room in rooms]
    found = [
        file
        for file in tracked()
        if any(file.is_relative_to(place) for place in places)
        if VERSION in file.read_text(errors="replace")
    ]
    assert (found, VERSION) == ([], importlib.metadata.version("pulumi-aws"))
