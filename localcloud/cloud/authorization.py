"""What a machine asks of the AWS API, and whether its role may: refused in each service's form."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from localcloud.cloud.permissions import allowed
from localcloud.cloud.view import Role

CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/")
# Who holds credentials may always ask whose they are.
FREE = ("sts:GetCallerIdentity",)
OBJECT_ACTIONS = {"GET": "GetObject", "HEAD": "GetObject", "DELETE": "DeleteObject"}
BUCKET_ACTIONS = {"GET": "ListBucket", "HEAD": "ListBucket", "PUT": "CreateBucket"}


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call from a machine; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def host(self) -> str:
        return self.headers.get("host", "").split(":")[0]

    @property
    def service(self) -> str:
        return "s3" if ".s3." in f".{self.host}" else self.host.split(".")[0]

    @property
    def access_key_id(self) -> str:
        """The key it was signed with: in a header, or in the query of a presigned address."""
        presigned = parse_qs(urlsplit(self.path).query).get("X-Amz-Credential", [""])[0]
        found = CREDENTIAL.search(
            self.headers.get("authorization", "") or f"Credential={presigned}"
        )
        return found.group(1) if found else ""


@dataclass(frozen=True)
class Refused:
    """The answer of a service that will not."""

    status: int
    kind: str
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The machine that asks: its role, and the keys it was given."""

    account_id: str
    region: str
    role: Callable[[], Role | None]
    recognises: Callable[[str], bool]


def judge(caller: Caller, request: Request) -> Refused | None:
    """None where AWS would do it for the machine's role."""
    if not caller.recognises(request.access_key_id):
        return _refused(
            request,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )
    try:
        action, resources = asked(caller, request)
    except ValueError:
        return _refused(request, "SerializationException", "The body is not what was announced.")
    role = caller.role()
    who = role.arn if role else "a machine without a role"
    for resource in resources if action not in FREE else ():
        if role is None or not allowed(role.statements, action, resource):
            return _refused(
                request,
                "AccessDeniedException",
                f"User: {who} is not authorized to perform: {action} on resource: {resource}",
            )
    return None


def asked(caller: Caller, request: Request) -> tuple[str, list[str]]:
    """The action, and the resources by ARN where they can be told. Raises ValueError."""
    target = request.headers.get("x-amz-target", "")
    if target.startswith("AmazonSSM."):
        content = json.loads(request.body or b"{}")
        if not isinstance(content, dict):
            raise ValueError("not an object")
        listed = content.get("Names") or [content.get("Name") or content.get("Path") or "*"]
        home = f"arn:aws:ssm:{caller.region}:{caller.account_id}:parameter"
        return f"ssm:{target.partition('.')[2]}", [f"{home}/{each.lstrip('/')}" for each in listed]
    if request.service == "s3":
        return _asked_of_s3(request)
    query = urlsplit(request.path).query
    arguments = parse_qs(request.body.decode(errors="replace") or query)
    return f"{request.service}:{arguments.get('Action', ['Unknown'])[0]}", ["*"]


def _asked_of_s3(request: Request) -> tuple[str, list[str]]:
    path = unquote(urlsplit(request.path).path).lstrip("/")
    bucket = request.host.partition(".s3.")[0] if ".s3." in request.host else ""
    if not bucket:
        bucket, _, path = path.partition("/")
    if path:
        action = OBJECT_ACTIONS.get(request.method, "PutObject")
        return f"s3:{action}", [f"arn:aws:s3:::{bucket}/{path}"]
    if bucket:
        action = BUCKET_ACTIONS.get(request.method, "DeleteBucket")
        return f"s3:{action}", [f"arn:aws:s3:::{bucket}"]
    return "s3:ListAllMyBuckets", ["*"]


def _refused(request: Request, code: str, message: str) -> Refused:
    if "x-amz-target" in request.headers:
        content = {"__type": code, "message": message}
        return Refused(400, "application/x-amz-json-1.1", json.dumps(content).encode())
    plain = {"AccessDeniedException": "AccessDenied"}.get(code, "InvalidClientTokenId")
    if request.service == "ec2":
        plain = {"AccessDenied": "UnauthorizedOperation"}.get(plain, "AuthFailure")
    error = f"<Error><Code>{plain}</Code><Message>{escape(message)}</Message></Error>"
    form = {"s3": "{}", "ec2": "<Response><Errors>{}</Errors></Response>"}
    text = form.get(request.service, "<ErrorResponse>{}</ErrorResponse>").format(error)
    return Refused(403, "text/xml", text.encode())
