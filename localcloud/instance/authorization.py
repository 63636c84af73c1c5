"""Requests of a machine to the AWS API, allowed or denied as its role's policies require."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from localcloud.aws_api.instances import Ec2Instance, Role
from localcloud.instance.conditions import ENCRYPTION_CONTEXT, Context
from localcloud.instance.policies import denial

# Credential=<key>/<date>/<region>/<service>/aws4_request
CREDENTIAL = re.compile(r"Credential=([^/,\s]+)(?:/[^/]*/[^/]*/([^/,\s]+))?")
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
    def query(self) -> Mapping[str, list[str]]:
        return parse_qs(urlsplit(self.path).query)

    @property
    def access_key_id(self) -> str:
        """The key it was signed with: in a header, or in the query of a presigned address."""
        return self._credential(1)

    @property
    def signed_for(self) -> str:
        """The service it was signed for."""
        return self._credential(2)

    def _credential(self, part: int) -> str:
        presigned = self.query.get("X-Amz-Credential", [""])[0]
        found = CREDENTIAL.search(
            self.headers.get("authorization", "") or f"Credential={presigned}"
        )
        return (found.group(part) if found else None) or ""


@dataclass(frozen=True)
class ErrorResponse:
    """The error of a service, in its own format."""

    status: int
    kind: str
    body: bytes


@dataclass(frozen=True, kw_only=True)
class AccessRequest:
    """The action of a request, its resources by ARN and the parameters it decrypts."""

    action: str
    resources: Sequence[str]
    # The names of parameters, and a path above others, whose values are to be decrypted.
    decrypted: Sequence[str] = ()
    decrypted_below: str | None = None


@dataclass(frozen=True, kw_only=True)
class Caller:
    """
    The machine that makes a request: its role, and its credentials.

    `customer_keys` gives the parameters under keys of the customer, each with its key, both by ARN,
    among the names and below the path.
    """

    account_id: str
    region: str
    instance: Callable[[], Ec2Instance]
    role: Callable[[], Role | None]
    is_valid_key: Callable[[str], bool]
    customer_keys: Callable[[Sequence[str], str | None], Sequence[tuple[str, str]]]


def authorize(caller: Caller, request: Request) -> ErrorResponse | None:
    """The error that AWS would return to the machine's role; None where it allows the request."""
    if not caller.is_valid_key(request.access_key_id):
        return _error_response(
            request,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )
    # moto goes by the signature's scope, so both have to be the same service, as on AWS.
    if request.signed_for != request.service:
        message = f"Credential should be scoped to correct service: '{request.service}'."
        return _error_response(request, "InvalidSignatureException", message)
    try:
        found = access_request(caller, request)
    except ValueError:
        return _error_response(
            request, "SerializationException", "The body is not what was announced."
        )
    reason = None if found.action in FREE else _why_not(caller, found)
    return _error_response(request, "AccessDeniedException", reason) if reason else None


def _why_not(caller: Caller, found: AccessRequest) -> str | None:
    instance, role = caller.instance(), caller.role()
    if role is None:
        return f"A machine without a role is not authorized to perform: {found.action}"
    keys = request_keys(caller, instance, role)
    who = f"arn:aws:sts::{caller.account_id}:assumed-role/{role.name}/{instance.instance_id}"
    for resource in found.resources:
        if why := denial(role.statements, found.action, resource, keys):
            return _unauthorized(who, found.action, resource, why)
    # A key's policy is taken for KMS's default one, which leaves the decision to IAM.
    # https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html
    for parameter, key in caller.customer_keys(found.decrypted, found.decrypted_below):
        through_ssm = {
            **keys,
            "kms:viaservice": f"ssm.{caller.region}.amazonaws.com",
            f"{ENCRYPTION_CONTEXT}parameter_arn": parameter,
        }
        if why := denial(role.statements, "kms:Decrypt", key, through_ssm):
            denied = _unauthorized(who, "kms:Decrypt", key, why)
            return f"{denied} (Service: Kms, Status Code: 400)"
    return None


def _unauthorized(who: str, action: str, resource: str, why: str) -> str:
    return f"User: {who} is not authorized to perform: {action} on resource: {resource} {why}"


def request_keys(caller: Caller, instance: Ec2Instance, role: Role) -> Context:
    """
    The condition keys that every request of the machine carries.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    instance_arn = (
        f"arn:aws:ec2:{caller.region}:{caller.account_id}:instance/{instance.instance_id}"
    )
    return {
        "aws:ec2instancesourceprivateipv4": instance.private_ip,
        "aws:ec2instancesourcevpc": instance.vpc_id,
        "aws:principalarn": role.arn,
        "ec2:sourceinstancearn": instance_arn,
    }


def access_request(caller: Caller, request: Request) -> AccessRequest:
    """The action, and the resources by ARN where they are known. Raises ValueError."""
    if request.service == "ssm":
        return _request_to_ssm(caller, request)
    if request.service == "s3":
        action, resource = _request_to_s3(request)
        return AccessRequest(action=action, resources=[resource])
    arguments = parse_qs(request.body.decode(errors="replace")) or request.query
    action = arguments.get("Action", ["Unknown"])[0]
    return AccessRequest(action=f"{request.service}:{action}", resources=["*"])


def _request_to_ssm(caller: Caller, request: Request) -> AccessRequest:
    target, content = request.headers.get("x-amz-target", ""), json.loads(request.body or b"{}")
    # moto would take an action in the query for the one that is meant.
    if not target.startswith("AmazonSSM.") or request.query or not isinstance(content, dict):
        raise ValueError("not a call of SSM")
    action, path = target.partition(".")[2], content.get("Path")
    names = [*(content.get("Names") or []), *filter(None, [content.get("Name")])]
    home = f"arn:aws:ssm:{caller.region}:{caller.account_id}:parameter"
    return AccessRequest(
        action=f"ssm:{action}",
        resources=[_parameter(home, each) for each in [*names, *([path] if path else [])]]
        or [f"{home}/*"],
        decrypted=names if content.get("WithDecryption") else (),
        decrypted_below=path if content.get("WithDecryption") else None,
    )


def _parameter(home: str, name: str) -> str:
    """The parameter by ARN, of whatever version: a name may end in `:<version or label>`."""
    if name.startswith("arn:"):
        return ":".join(name.split(":")[:6])
    return f"{home}/{name.partition(':')[0].lstrip('/')}"


def _request_to_s3(request: Request) -> tuple[str, str]:
    path = unquote(urlsplit(request.path).path).lstrip("/")
    bucket = request.host.partition(".s3.")[0] if ".s3." in request.host else ""
    if not bucket:
        bucket, _, path = path.partition("/")
    if path:
        action = OBJECT_ACTIONS.get(request.method, "PutObject")
        return f"s3:{action}", f"arn:aws:s3:::{bucket}/{path}"
    if bucket:
        action = BUCKET_ACTIONS.get(request.method, "DeleteBucket")
        return f"s3:{action}", f"arn:aws:s3:::{bucket}"
    return "s3:ListAllMyBuckets", "*"


def _error_response(request: Request, code: str, message: str) -> ErrorResponse:
    if "x-amz-target" in request.headers:
        content = {"__type": code, "message": message}
        return ErrorResponse(400, "application/x-amz-json-1.1", json.dumps(content).encode())
    plain = {"AccessDeniedException": "AccessDenied"}.get(code, "InvalidClientTokenId")
    if request.service == "ec2":
        plain = {"AccessDenied": "UnauthorizedOperation"}.get(plain, "AuthFailure")
    error = f"<Error><Code>{plain}</Code><Message>{escape(message)}</Message></Error>"
    form = {"s3": "{}", "ec2": "<Response><Errors>{}</Errors></Response>"}
    text = form.get(request.service, "<ErrorResponse>{}</ErrorResponse>").format(error)
    return ErrorResponse(403, "text/xml", text.encode())
