"""What an error of AWS says of the one resource that was asked for: that it is gone, or denied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from recovery.expired import Scope

_NO_PERMISSION = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
# Termination or deletion protection, and credentials that have ended: EC2 has a code of its own.
_NEVER = (*_NO_PERMISSION, "OperationNotPermitted", "ExpiredToken", "RequestExpired")
# What is not found by these is a part of the resource, or what it is connected with.
_STEPS = frozenset(
    {
        "AbortMultipartUpload",
        "DeleteObjects",
        "DeleteRolePolicy",
        "DetachInternetGateway",
        "DisassociateAddress",
        "DisassociateRouteTable",
        "RemoveRoleFromInstanceProfile",
        "RevokeSecurityGroupEgress",
        "RevokeSecurityGroupIngress",
    }
)


def read(
    scope: Scope, id_: str, call: Callable[..., Mapping[str, Any]], **arguments: Any
) -> Mapping[str, Any] | None:
    """
    What a call about one resource returns, such as its tags; None where it has none or is gone.

    One that may not be read is not ours to remove, and is doubtful. Raises every other ClientError.
    """
    try:
        return call(**arguments)
    except ClientError as error:
        if not is_of_one_resource(error):
            raise
        if not _is_missing(_code(error)):
            scope.doubtful[id_] = f"cannot be read, {_code(error)}"
        return None


def is_of_one_resource(error: ClientError) -> bool:
    """Whether it may concern one of several resources in a call, and not the others."""
    return _is_missing(_code(error)) or _code(error) in _NO_PERMISSION


def is_gone(error: ClientError) -> bool:
    """Whether the resource that is removed is there no more, whoever removed it."""
    # Of a record that is gone: Route 53 has no code of its own for it.
    if _code(error) == "InvalidChangeBatch":
        return "not found" in error.response["Error"].get("Message", "")
    return _is_missing(_code(error)) and error.operation_name not in _STEPS


def is_final(reason: str) -> bool:
    """Whether a reason that begins with AWS's code stays, however often it is tried."""
    return reason.startswith(_NEVER)


def _is_missing(code: str) -> bool:
    return "NotFound" in code or code.startswith("NoSuch") or code == "InvalidResourceId"


def _code(error: ClientError) -> str:
    return str(error.response["Error"].get("Code"))
