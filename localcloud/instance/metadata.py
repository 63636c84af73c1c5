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

from localcloud.aws_api.instances import Ec2Instance, Role
from localcloud.instance.credentials import Credentials

VERSION = re.compile(r"^(latest|\d{4}-\d{2}-\d{2}|1\.0)$")
TOKEN_HEADER = "x-aws-ec2-metadata-token"  # noqa: S105 - a header's name
TTL_HEADER = "x-aws-ec2-metadata-token-ttl-seconds"
LONGEST_TTL_SECONDS = 21600

Tree = Mapping[str, Any]


@dataclass(frozen=True)
class Response:
    """The response to one request."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class MetadataService:
    """The service of one instance. `instance` and `role` are read at each request."""

    def __init__(
        self,
        account_id: str,
        region: str,
        instance: Callable[[], Ec2Instance],
        role: Callable[[], Role | None],
        issue: Callable[[Role], Credentials],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._account_id, self._region = account_id, region
        self._instance, self._role, self._issue = instance, role, issue
        self._monotonic = monotonic
        self._tokens: dict[str, float] = {}

    def respond(self, method: str, path: str, headers: Mapping[str, str]) -> Response:
        """The response to one request; header names are lower case."""
        instance = self._instance()
        if not instance.endpoint_enabled:
            return Response(403)
        parts = path.split("?", 1)[0].lstrip("/").split("/")
        if method == "PUT" and parts == ["latest", "api", "token"]:
            return self._token(headers)
        if method not in ("GET", "HEAD"):
            return Response(405)
        token = headers.get(TOKEN_HEADER)
        if token is None and instance.tokens_required:
            return Response(401)
        if token is not None and self._tokens.get(token, 0.0) < self._monotonic():
            return Response(401)
        return self._document(instance, parts)

    def _token(self, headers: Mapping[str, str]) -> Response:
        # A request that came through an open proxy must not get a session.
        if "x-forwarded-for" in headers:
            return Response(403)
        try:
            seconds = int(headers[TTL_HEADER])
        except (KeyError, ValueError):
            return Response(400)
        if not 1 <= seconds <= LONGEST_TTL_SECONDS:
            return Response(400)
        token = base64.urlsafe_b64encode(secrets.token_bytes(40)).decode()
        now = self._monotonic()
        self._tokens = {each: end for each, end in self._tokens.items() if end >= now}
        self._tokens[token] = now + seconds
        return Response(200, token.encode(), {TTL_HEADER: str(seconds)})

    def _document(self, instance: Ec2Instance, parts: list[str]) -> Response:
        if parts == [""]:
            return Response(200, b"latest\n2021-03-23\n2009-04-04")
        if not VERSION.match(parts[0]):
            return Response(404)
        if parts[1:] == ["user-data"]:
            if instance.user_data is None:
                return Response(404)
            return Response(200, base64.b64decode(instance.user_data))
        found: Any = {
            "meta-data": self._metadata(instance),
            "dynamic": {"instance-identity": {"document": self._identity(instance)}},
        }
        for part in (each for each in parts[1:] if each):
            if not isinstance(found, Mapping) or part not in found:
                return Response(404)
            found = found[part]
        if callable(found):
            found = found()
        return Response(200, (_listing(found) if isinstance(found, Mapping) else found).encode())

    def _metadata(self, instance: Ec2Instance) -> Tree:
        tree: dict[str, Any] = {
            "ami-id": instance.image_id,
            "ami-launch-index": "0",
            "block-device-mapping": {"ami": instance.root_device, "root": instance.root_device},
            "hostname": instance.hostname,
            "instance-action": "none",
            "instance-id": instance.instance_id,
            "instance-life-cycle": "spot" if instance.spot else "on-demand",
            "instance-type": instance.instance_type,
            "local-hostname": instance.hostname,
            "local-ipv4": instance.private_ip,
            "mac": instance.mac,
            "network": {"interfaces": {"macs": {instance.mac: self._interface(instance)}}},
            "placement": {
                "availability-zone": instance.zone,
                "region": self._region,
            },
            "reservation-id": "r-" + instance.instance_id[2:],
            "security-groups": "\n".join(name for _, name in instance.security_groups),
            "services": {"domain": "amazonaws.com", "partition": "aws"},
        }
        if instance.public_ip:
            tree["public-ipv4"] = instance.public_ip
        if instance.login_key:
            name, key = instance.login_key
            # The listing gives number=name, the path takes the number alone.
            tree["public-keys"] = {"": f"0={name}", "0": {"openssh-key": key}}
        if instance.interruption:
            end = _stamp(instance.interruption)
            action = _json({"action": "terminate", "time": end})
            tree["spot"] = {"instance-action": action, "termination-time": end}
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

    def _interface(self, instance: Ec2Instance) -> Tree:
        interface = {
            "device-number": "0",
            "interface-id": instance.interface_id,
            "local-hostname": instance.hostname,
            "local-ipv4s": instance.private_ip,
            "mac": instance.mac,
            "owner-id": self._account_id,
            "security-group-ids": "\n".join(each for each, _ in instance.security_groups),
            "subnet-id": instance.subnet_id,
            "subnet-ipv4-cidr-block": instance.subnet_cidr,
            "vpc-id": instance.vpc_id,
            "vpc-ipv4-cidr-block": instance.vpc_cidr,
        }
        return {**interface, **({"public-ipv4s": instance.public_ip} if instance.public_ip else {})}

    def _identity(self, instance: Ec2Instance) -> str:
        return _json(
            {
                "accountId": self._account_id,
                "architecture": instance.architecture,
                "availabilityZone": instance.zone,
                "imageId": instance.image_id,
                "instanceId": instance.instance_id,
                "instanceType": instance.instance_type,
                "privateIp": instance.private_ip,
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
