"""
Having the cluster sign a client certificate, by a CertificateSigningRequest that we approve.

https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Mapping
from typing import Any, Final

from provider.errors import OperationFailed, ProviderError
from provider.keys import certificates
from provider.kubernetes.api import ApiError
from provider.kubernetes.api_errors import check_shape
from provider.kubernetes.kube_objects import Objects
from provider.waiting import Pending

_GROUP: Final = "certificates.k8s.io"
_REQUESTS: Final = f"/apis/{_GROUP}/v1/certificatesigningrequests"
_SIGNER: Final = "kubernetes.io/kube-apiserver-client"


def sign(
    objects: Objects, *, name: str, user: str, seconds: int, labels: Mapping[str, str]
) -> tuple[str, str]:
    """
    A certificate for the user, of no group, valid for so many seconds, and its key; both PEM.

    The request called `name` is deleted afterwards.
    """
    created = certificates.make_request(user)
    path = f"{_REQUESTS}/{name}"
    request = {
        "apiVersion": f"{_GROUP}/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": {
            "request": base64.b64encode(created.request_pem.encode()).decode(),
            "signerName": _SIGNER,
            "expirationSeconds": seconds,
            "usages": ["digital signature", "client auth"],
        },
    }
    approval = {"type": "Approved", "status": "True", "reason": "K3sAws", "message": "by pulumi up"}
    objects.create(path, request)
    try:
        objects.merge(f"{path}/approval", {"status": {"conditions": [approval]}})
        return objects.until(lambda: _certificate(objects, path, user)), created.key_pem
    finally:
        # One that stays holds no key, and Kubernetes removes it within an hour.
        with contextlib.suppress(ApiError, ProviderError):
            objects.delete(path)


def _certificate(objects: Objects, path: str, user: str) -> str:
    status: Mapping[str, Any] = (objects.get(path) or {}).get("status", {})
    if status.get("certificate"):
        with check_shape():
            return base64.b64decode(status["certificate"], validate=True).decode("ascii")
    for each in status.get("conditions", ()):
        if each["type"] in ("Denied", "Failed"):
            raise OperationFailed(
                f'the cluster does not sign a certificate for "{user}": '
                f"{each.get('message') or each['type']}\n"
                "    see the events and the log of k3s's controller manager"
            )
    raise Pending("waiting for the cluster to sign the certificate")
