"""Rules about user data, which everyone reads who may describe an instance or log in to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from k3s_policy import secret_patterns, user_data_text
from k3s_policy.resource import UNKNOWN, Resource
from k3s_policy.rule import (
    Finding,
    NotKnown,
    ResourceRule,
    Settings,
    Violation,
    integer,
    strings,
)

INSTANCE = "aws:ec2/instance:Instance"
SPOT_REQUEST = "aws:ec2/spotInstanceRequest:SpotInstanceRequest"
LAUNCH_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
LAUNCH_CONFIGURATION = "aws:ec2/launchConfiguration:LaunchConfiguration"
TYPES = (INSTANCE, SPOT_REQUEST, LAUNCH_TEMPLATE, LAUNCH_CONFIGURATION)

_LIMIT = 16 * 1024
_RELEASE = r"v\d+\.\d+\.\d+\S{0,40}k3s\d+"
_VERSION = re.compile(rf"\bINSTALL_K3S_VERSION=[\"']?{_RELEASE}")
_VERSION_OF_VARIABLE = re.compile(r"\bINSTALL_K3S_VERSION=[\"']?\$")
_INSTALLER = re.compile(r"\bget\.k3s\.io\b|\bget-k3s\b|k3s-io/k3s/releases/latest")
# What the installer is told; without an order it makes an agent of a machine with a K3S_URL, a
# server of any other. https://docs.k3s.io/reference/env-variables
_SERVER = re.compile(r"\bINSTALL_K3S_EXEC=[\"']?server\b|\b(?:ba)?sh -s (?:-+ )?server\b")
_AGENT = re.compile(
    r"\bK3S_URL=|\bINSTALL_K3S_EXEC=[\"']?agent\b|\b(?:ba)?sh -s (?:-+ )?agent\b"
    r"|\bk3s[\"',\s]+agent\b"
)
_NAMED_SERVER = re.compile(r"\bk3s[\"',\s]+server\b|\"role\": ?\"server\"")
# The first line of a script is no comment.
_COMMENT = re.compile(r"(?m)^[ \t]*#(?!!).*$")


def contents(resource: Resource) -> Iterator[tuple[str, bytes]]:
    """The property with user data and its bytes, as EC2 counts them; UNKNOWN is left out."""
    encoded = resource.type == LAUNCH_TEMPLATE
    for key in ("userData", "userDataBase64"):
        value = resource.at(key)
        if isinstance(value, str) and value:
            decoded = None
            if encoded or key == "userDataBase64":
                decoded = user_data_text.decode_base64(value)
            yield key, value.encode() if decoded is None else decoded


def not_known(resource: Resource) -> Iterator[NotKnown]:
    """The properties with user data that the preview does not have."""
    for key in ("userData", "userDataBase64"):
        if resource.at(key) is UNKNOWN:
            yield NotKnown(key)


def readable(resource: Resource) -> Iterator[str]:
    """What can be read in its user data, within the limit, without the lines of comments."""
    for _, content in contents(resource):
        for layer in user_data_text.unpack(content).layers:
            yield _COMMENT.sub("", layer.text)


def runs_server(resource: Resource) -> bool:
    """Whether its user data makes a k3s server of it."""
    found = list(readable(resource))

    def has(pattern: re.Pattern[str]) -> bool:
        return any(map(pattern.search, found))

    return has(_SERVER) or (not has(_AGENT) and (has(_NAMED_SERVER) or has(_INSTALLER)))


def _secrets(resource: Resource, settings: Settings) -> Iterator[Finding]:
    yield from not_known(resource)
    for key, content in contents(resource):
        unpacked = user_data_text.unpack(content)
        found = list(dict.fromkeys(_kinds(unpacked.layers, settings)))
        if not unpacked.complete:
            found.append("more than can be examined")
        if found:
            yield Violation(
                message=f"{key} has {', '.join(found)}\n"
                "    put it into an SSM SecureString parameter that the instance's role may read, "
                "and rotate it: whoever could describe the instance has it"
            )


def _kinds(layers: Sequence[user_data_text.Layer], settings: Settings) -> Iterator[str]:
    """The kinds of secrets in user data, each with where it is."""
    for layer in layers:
        place = f" ({layer.path})" if layer.path else ""
        kinds = secret_patterns.found_in(layer.text, settings["patterns"], settings["ignoredKinds"])
        yield from (f"{kind}{place}" for kind in kinds)


def _room(resource: Resource, settings: Settings) -> Iterator[Finding]:
    yield from not_known(resource)
    most = int(settings["maxBytes"])
    for key, content in contents(resource):
        if len(content) > most:
            yield Violation(
                message=f"{key} has {len(content)} bytes, more than {most}; EC2 takes {_LIMIT}\n"
                "    move files into a bucket that the instance reads, or compress it with gzip"
            )


def _pinned(resource: Resource, settings: Settings) -> Iterator[Finding]:
    yield from not_known(resource)
    for text in readable(resource):
        if _INSTALLER.search(text) and not _has_release(text):
            yield Violation(
                message="user data installs whichever k3s is the newest when the machine boots\n"
                "    set INSTALL_K3S_VERSION, so that every machine has the same release"
            )
            return


def _has_release(text: str) -> bool:
    """Whether it gives the installer a release, itself or by a variable that it sets."""
    by_variable = _VERSION_OF_VARIABLE.search(text) and re.search(_RELEASE, text)
    return bool(by_variable or _VERSION.search(text))


def installs_unpinned(resource: Resource, settings: Settings) -> Iterator[Finding]:
    """The findings about a release of k3s that user data leaves open."""
    return _pinned(resource, settings)


RULES = (
    ResourceRule(
        name="no-secret-in-user-data",
        description="User data has no secret",
        level="mandatory",
        severity="critical",
        why="user data is readable for everyone who may describe the instance, and for every "
        "process on it that reaches the metadata service",
        source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html",
        types=TYPES,
        settings={
            "patterns": strings([], "Further regular expressions that no user data may match."),
            "ignoredKinds": strings(
                [],
                "Kinds of secrets that are not looked for, by their names.",
                enum=list(secret_patterns.KINDS),
            ),
        },
        check=_secrets,
    ),
    ResourceRule(
        name="user-data-has-room",
        description="User data is not near the limit of EC2",
        level="advisory",
        severity="low",
        why="the next registry, label or taint fails at the creation of the instance",
        source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html",
        types=TYPES,
        settings={
            "maxBytes": integer(15872, "The most bytes before base64.", minimum=0, maximum=_LIMIT)
        },
        check=_room,
    ),
)
