"""Rules about instances and their volumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from k3s_policy import user_data
from k3s_policy.resource import UNKNOWN, Resource, at, is_true, items
from k3s_policy.rule import (
    Finding,
    NotKnown,
    ResourceRule,
    Settings,
    Violation,
    flag,
    integer,
    strings,
    tags,
)

MACHINES = (
    user_data.INSTANCE,
    user_data.SPOT_REQUEST,
    user_data.LAUNCH_TEMPLATE,
    user_data.LAUNCH_CONFIGURATION,
)
VOLUME = "aws:ebs/volume:Volume"
# What is made of a snapshot or an image has an encryption of its own.
COPIES = ("aws:ebs/snapshotCopy:SnapshotCopy", "aws:ec2/amiCopy:AmiCopy")
IMAGE = "aws:ec2/ami:Ami"
CONTROL_PLANE = "k3s:aws:ControlPlane"
NODE = "k3s:index:Node"


def _metadata(resource: Resource, settings: Settings) -> Iterator[Finding]:
    options = resource.at("metadataOptions")
    if options is None and resource.at("launchTemplate") is not None:
        # The template has them, and is examined itself.
        return
    endpoint, wanted, hops = (
        at(options, key) for key in ("httpEndpoint", "httpTokens", "httpPutResponseHopLimit")
    )
    for key, value in (("httpTokens", wanted), ("httpPutResponseHopLimit", hops)):
        if value is UNKNOWN:
            yield NotKnown(f"metadataOptions.{key}")
    if endpoint == "disabled":
        return
    most = int(settings["maxHopLimit"])
    problems = []
    if wanted not in ("required", UNKNOWN):
        problems.append('httpTokens is not "required"')
    if hops is None:
        problems.append("httpPutResponseHopLimit is left to the image and the account")
    elif hops is not UNKNOWN and int(hops) > most:
        problems.append(f"httpPutResponseHopLimit is {int(hops)}, more than {most}")
    if problems:
        yield Violation(
            message=f"metadataOptions: {'; '.join(problems)}\n"
            f'    set httpTokens to "required" and httpPutResponseHopLimit to {most}'
        )


def _spot(resource: Resource, settings: Settings) -> Iterator[Finding]:
    market = resource.at("instanceMarketOptions", "marketType")
    if market is UNKNOWN:
        yield NotKnown("instanceMarketOptions.marketType")
    spot = market == "spot" or resource.type == user_data.SPOT_REQUEST
    spot = spot or bool(resource.at("spotPrice"))
    if spot and _is_server(resource, settings["serverTags"]):
        yield Violation(
            message="a k3s server is a spot instance, which AWS takes back after two minutes\n"
            "    take the market options away; agents may be spot instances"
        )


def _is_server(resource: Resource, server_tags: Mapping[str, str]) -> bool:
    if CONTROL_PLANE in resource.parents:
        return True
    own = resource.at("tags")
    tagged = [at(own, key) == value for key, value in server_tags.items()]
    return (bool(tagged) and all(tagged)) or user_data.runs_server(resource)


def _encrypted(resource: Resource, settings: Settings) -> Iterator[Finding]:
    if settings["encryptedByDefault"]:
        return
    for path, value, needed in _volumes(resource):
        if value is UNKNOWN:
            yield NotKnown(path)
        elif needed and not is_true(value):
            yield Violation(
                message=f"{path} is not true: what is written there is not encrypted at rest\n"
                f"    set {path} to true"
            )


def _volumes(resource: Resource) -> Iterator[tuple[str, Any, bool]]:
    """The flag of each volume: where it is, its value, and whether there is a volume."""
    if resource.type in (VOLUME, *COPIES):
        yield "encrypted", resource.at("encrypted"), True
        return
    if resource.type == IMAGE:
        for index, device in enumerate(items(resource.at("ebsBlockDevices"))):
            yield f"ebsBlockDevices[{index}].encrypted", at(device, "encrypted"), _is_fresh(device)
        return
    if resource.type == user_data.LAUNCH_TEMPLATE:
        yield from _volumes_of_template(resource)
        return
    from_template = resource.at("launchTemplate") is not None
    if resource.at("rootBlockDevice") is not None or not from_template:
        yield "rootBlockDevice.encrypted", resource.at("rootBlockDevice", "encrypted"), True
    for index, device in enumerate(items(resource.at("ebsBlockDevices"))):
        has_volume = _is_fresh(device) and not is_true(at(device, "noDevice"))
        yield f"ebsBlockDevices[{index}].encrypted", at(device, "encrypted"), has_volume


def _volumes_of_template(resource: Resource) -> Iterator[tuple[str, Any, bool]]:
    mappings = list(items(resource.at("blockDeviceMappings")))
    if not mappings and resource.at("imageId") is not None:
        # An unencrypted image makes an unencrypted root volume; only a mapping changes that.
        yield "ebs.encrypted of the image's root device in blockDeviceMappings", None, True
    for index, device in enumerate(mappings):
        volume = at(device, "ebs")
        has_volume = volume is not None and _is_fresh(volume)
        yield f"blockDeviceMappings[{index}].ebs.encrypted", at(volume, "encrypted"), has_volume


def _is_fresh(device: Any) -> bool:
    """Whether it is not of a snapshot: one that is, is encrypted as that, and takes no flag."""
    return at(device, "snapshotId") is None


def _k3s_pinned(resource: Resource, settings: Settings) -> Iterator[Finding]:
    if resource.type != NODE:
        yield from user_data.installs_unpinned(resource, settings)
        return
    found = resource.at("nodeConfig", "pool", "k3s")
    version, sha256 = at(found, "version"), at(found, "sha256")
    if UNKNOWN in (version, sha256):
        yield NotKnown("nodeConfig.pool.k3s")
        return
    allowed = settings["allowedVersions"]
    problems = [name for name, value in (("version", version), ("sha256", sha256)) if not value]
    if problems:
        yield Violation(
            message=f"nodeConfig.pool.k3s: k3s has no {' and no '.join(problems)}\n"
            "    set cluster.k3s.version, and cluster.k3s.sha256 for a release that is not pinned"
        )
    elif allowed and version not in allowed:
        yield Violation(
            message=f"k3s {version} must be one of {', '.join(allowed)}\n"
            "    set cluster.k3s.version, or add it to allowedVersions of this rule"
        )


RULES = (
    ResourceRule(
        name="metadata-service-protected",
        description="The metadata service wants a session token, and no pod reaches it",
        level="mandatory",
        severity="high",
        why="a request that a pod was made to send returns the credentials of the instance's role",
        source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html",
        types=MACHINES,
        settings={
            "maxHopLimit": integer(
                1, "The most hops of the response; 2 lets pods in.", minimum=1, maximum=64
            )
        },
        check=_metadata,
    ),
    ResourceRule(
        name="servers-not-on-spot",
        description="No k3s server is a spot instance",
        level="mandatory",
        severity="high",
        why="with one server the API is gone until another has started, with etcd the quorum",
        source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-interruptions.html",
        types=MACHINES,
        settings={
            "serverTags": tags(
                "Tags of servers, besides those in a ControlPlane component and those whose user "
                "data runs `k3s server`."
            )
        },
        check=_spot,
    ),
    ResourceRule(
        name="volumes-encrypted",
        description="Every volume is encrypted",
        level="mandatory",
        severity="high",
        why="a volume has the datastore, join tokens and the data of pods; whoever may attach it "
        "or copy its snapshot reads them",
        source="https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption.html",
        types=(*MACHINES, VOLUME, *COPIES, IMAGE),
        settings={
            "encryptedByDefault": flag(
                False, "The account encrypts every new volume by itself: nothing is examined."
            )
        },
        check=_encrypted,
    ),
    ResourceRule(
        name="k3s-pinned",
        description="k3s is pinned by its version, on nodes of the program by SHA-256 too",
        level="mandatory",
        severity="high",
        why="machines of one cluster would have different releases, and whoever changes the "
        "download changes the cluster",
        source="https://docs.k3s.io/upgrades/manual",
        types=(NODE, *MACHINES),
        settings={"allowedVersions": strings([], "The only versions allowed on nodes, if any.")},
        check=_k3s_pinned,
    ),
)
