"""
The instance metadata service, one for each machine, served inside its network namespace.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html
"""

from __future__ import annotations

import base64
import datetime
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.aws_api.moto_state import InstanceFacts, Role
from localcloud.instance.credentials import Credentials

VERSION = re.compile(r"^(latest|\d{4}-\d{2}-\d{2}|1\.0)$")
TOKEN_HEADER = "x-aws-ec2-metadata-token"  # noqa: S105 - a header's name
TTL_HEADER = "x-aws-ec2-metadata-token-ttl-seconds"
LONGEST_TTL_SECONDS = 21600

Tree = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What the service says to one request."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class MetadataService:
    """The service of one instance. `facts` and `role` are asked anew for each request."""

    def __init__(
        self,
        account_id: str,
        region: str,
        facts: Callable[[], InstanceFacts],
        role: Callable[[], Role | None],
        issue: Callable[[Role], Credentials],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._account_id, self._region = account_id, region
        self._facts, self._role, self._issue = facts, role, issue
        self._monotonic = monotonic
        self._tokens: dict[str, float] = {}

    def answer(self, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        """The answer to one request; header names are lower case."""
        facts = self._facts()
        if not facts.endpoint_enabled:
            return Answer(403)
        parts = path.split("?", 1)[0].lstrip("/").split("/")
        if method == "PUT" and parts == ["latest", "api", "token"]:
            return self._token(headers)
        if method not in ("GET", "HEAD"):
            return Answer(405)
        token = headers.get(TOKEN_HEADER)
        if token is None and facts.tokens_required:
            return Answer(401)
        if token is not None and self._tokens.get(token, 0.0) < self._monotonic():
            return Answer(401)
        return self._document(facts, parts)

    def _token(self, headers: Mapping[str, str]) -> Answer:
        # A request that came through an open proxy must not get a session.
        if "x-forwarded-for" in headers:
            return Answer(403)
        try:
            seconds = int(headers[TTL_HEADER])
        except (KeyError, ValueError):
            return Answer(400)
        if not 1 <= seconds <= LONGEST_TTL_SECONDS:
            return Answer(400)
        token = base64.urlsafe_b64encode(secrets.token_bytes(40)).decode()
        now = self._monotonic()
        self._tokens = {each: end for each, end in self._tokens.items() if end >= now}
        self._tokens[token] = now + seconds
        return Answer(200, token.encode(), {TTL_HEADER: str(seconds)})

    def _document(self, facts: InstanceFacts, parts: list[str]) -> Answer:
        if parts == [""]:
            return Answer(200, b"latest\n2021-03-23\n2009-04-04")
        if not VERSION.match(parts[0]):
            return Answer(404)
        if parts[1:] == ["user-data"]:
            if facts.user_data is None:
                return Answer(404)
            return Answer(200, base64.b64decode(facts.user_data))
        found: Any = {
            "meta-data": self._metadata(facts),
            "dynamic": {"instance-identity": {"document": self._identity(facts)}},
        }
        for part in (each for each in parts[1:] if each):
            if not isinstance(found, Mapping) or part not in found:
                return Answer(404)
            found = found[part]
        if callable(found):
            found = found()
        return Answer(200, (_listing(found) if isinstance(found, Mapping) else found).encode())

    def _metadata(self, facts: InstanceFacts) -> Tree:
        tree: dict[str, Any] = {
            "ami-id": facts.image_id,
            "ami-launch-index": "0",
            "block-device-mapping": {"ami": facts.root_device, "root": facts.root_device},
            "hostname": facts.hostname,
            "instance-action": "none",
            "instance-id": facts.instance_id,
            "instance-life-cycle": "on-demand",
            "instance-type": facts.instance_type,
            "local-hostname": facts.hostname,
            "local-ipv4": facts.private_ip,
            "mac": facts.mac,
            "network": {"interfaces": {"macs": {facts.mac: self._interface(facts)}}},
            "placement": {
                "availability-zone": facts.zone,
                "region": self._region,
            },
            "reservation-id": "r-" + facts.instance_id[2:],
            "security-groups": "\n".join(name for _, name in facts.security_groups),
            "services": {"domain": "amazonaws.com", "partition": "aws"},
        }
        if facts.public_ip:
            tree["public-ipv4"] = facts.public_ip
        if facts.login_key:
            name, key = facts.login_key
            # The listing gives number=name, the path takes the number alone.
            tree["public-keys"] = {"": f"0={name}", "0": {"openssh-key": key}}
        role = self._role()
        if role:
            tree["iam"] = {
                "info": _json(
                    {
                        "Code": "Success",
                        "InstanceProfileArn": role.profile_arn,
                        "InstanceProfileId": role.profile_id,
                    }
                ),
                "security-credentials": {role.name: lambda: self._credentials(role)},
            }
        return tree

    def _interface(self, facts: InstanceFacts) -> Tree:
        interface = {
            "device-number": "0",
            "interface-id": facts.interface_id,
            "local-hostname": facts.hostname,
            "local-ipv4s": facts.private_ip,
            "mac": facts.mac,
            "owner-id": self._account_id,
            "security-group-ids": "\n".join(each for each, _ in facts.security_groups),
            "subnet-id": facts.subnet_id,
            "subnet-ipv4-cidr-block": facts.subnet_cidr,
            "vpc-id": facts.vpc_id,
            "vpc-ipv4-cidr-block": facts.vpc_cidr,
        }
        return {**interface, **({"public-ipv4s": facts.public_ip} if facts.public_ip else {})}

    def _identity(self, facts: InstanceFacts) -> str:
        return _json(
            {
                "accountId": self._account_id,
                "architecture": facts.architecture,
                "availabilityZone": facts.zone,
                "imageId": facts.image_id,
                "instanceId": facts.instance_id,
                "instanceType": facts.instance_type,
                "privateIp": facts.private_ip,
                "region": self._region,
                "version": "2017-09-30",
            }
        )

    def _credentials(self, role: Role) -> str:
        issued = self._issue(role)
        return _json(
            {
                "Code": "Success",
                "LastUpdated": _stamp(issued.issued),
                "Type": "AWS-HMAC",
                "AccessKeyId": issued.access_key_id,
                "SecretAccessKey": issued.secret_access_key,
                "Token": issued.token,
                "Expiration": _stamp(issued.expires),
            }
        )


def _listing(tree: Mapping[str, Any]) -> str:
    if "" in tree:
        return str(tree[""])
    return "\n".join(
        f"{name}/" if isinstance(value, Mapping) else name for name, value in tree.items()
    )


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2)


def _stamp(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
