"""
Namespaces, RBAC objects and certificate signing requests, as an API server keeps them.

It signs an approved request with the client CA, as the controller manager does. It does not judge
who may do what; the local cloud's tests do that with the real one.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Object = dict[str, Any]
NOT_FOUND: tuple[int, Object] = (404, {"kind": "Status", "reason": "NotFound"})
RBAC = "/apis/rbac.authorization.k8s.io/v1"
REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"


class FakeObjects:
    """The objects by their path; may be changed at any time."""

    def __init__(self, authority: dict[str, str]) -> None:
        self.by_path: dict[str, Object] = {
            "/api/v1/namespaces/default": {"metadata": {"name": "default"}},
            **{f"{RBAC}/clusterroles/{name}": _role(name) for name in ("view", "edit", "admin")},
        }
        # What the approver of requests does: signs, or sets this condition.
        self.refusal: Object | None = None
        # So many times an approved request is looked at before it is signed.
        self.reads_until_signed = 0
        self.requests: list[Object] = []
        self._authority = authority

    def has(self, words: Sequence[str]) -> bool:
        """Whether a path is one of these objects' own."""
        return words[0] == "apis" or (words[2:3] == ["namespaces"] and len(words) in (3, 4))

    def of(self, identity: str) -> dict[str, Object]:
        """What is labelled with the identity, by path below the group."""
        return {
            path.removeprefix(RBAC): each
            for path, each in self.by_path.items()
            if each["metadata"].get("labels", {}).get("k3s-aws/identity") == identity
        }

    def users_of(self, identity: str) -> dict[str, list[str]]:
        """The users each binding of an identity names, by path."""
        return {
            path: [each["name"] for each in found["subjects"]]
            for path, found in self.of(identity).items()
            if "subjects" in found
        }

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Any:
        if method == "GET":
            return self._get(path, query)
        if method == "POST":
            return self._post(path, body)
        if method == "DELETE":
            return (200, {"kind": "Status"}) if self.by_path.pop(path, None) else NOT_FOUND
        if path.endswith("/approval"):
            return self._approve(path.removesuffix("/approval"), body)
        return self._patch(path, body) if method == "PATCH" else self._put(path, body)

    def _get(self, path: str, query: dict[str, list[str]]) -> Any:
        if path in self.by_path:
            if path.startswith(REQUESTS):
                self._sign(path)
            return 200, self.by_path[path]
        if "labelSelector" not in query:
            return NOT_FOUND
        wanted = dict(each.split("=") for each in query["labelSelector"][0].split(","))
        kind = path.rpartition("/")[2]
        items = [
            {key: value for key, value in each.items() if key not in ("kind", "apiVersion")}
            for place, each in self.by_path.items()
            if place.split("/")[-2] == kind
            and wanted.items() <= each["metadata"].get("labels", {}).items()
        ]
        return 200, {"items": items}

    def _post(self, path: str, body: Object) -> Any:
        place = f"{path}/{body['metadata']['name']}"
        if place in self.by_path:
            return 409, {"kind": "Status", "reason": "AlreadyExists"}
        self.by_path[place] = body
        if path == REQUESTS:
            self.requests.append(body)
        return 201, body

    def _put(self, path: str, body: Object) -> Any:
        before = self.by_path.get(path)
        if before is not None and before.get("roleRef") != body.get("roleRef"):
            message = "roleRef: Invalid value: cannot change roleRef"
            return 422, {"kind": "Status", "reason": "Invalid", "message": message}
        self.by_path[path] = body
        return (200 if before else 201), body

    def _patch(self, path: str, body: Object) -> Any:
        """A merge patch: https://www.rfc-editor.org/rfc/rfc7386"""
        if path not in self.by_path:
            return NOT_FOUND
        _merge(self.by_path[path], body)
        return 200, self.by_path[path]

    def _approve(self, path: str, body: Object) -> Any:
        self.by_path[path]["status"] = body["status"]
        return 200, self.by_path[path]

    def _sign(self, path: str) -> None:
        request = self.by_path[path]
        if self.reads_until_signed > 0:
            self.reads_until_signed -= 1
        elif self.refusal is not None:
            request["status"]["conditions"].append(self.refusal)
        elif request.get("status", {}).get("conditions"):
            text = self._certificate(request["spec"])
            request["status"]["certificate"] = base64.b64encode(text.encode()).decode()

    def _certificate(self, spec: Object) -> str:
        request = x509.load_pem_x509_csr(base64.b64decode(spec["request"]))
        ca = x509.load_pem_x509_certificate(self._authority["clientCaCertificate"].encode())
        key = serialization.load_pem_private_key(self._authority["clientCaKey"].encode(), None)
        begin = datetime.now(UTC).replace(microsecond=0)  # TLS looks at the real time
        signed = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(ca.subject)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(seconds=spec["expirationSeconds"]))
            .sign(cast("ec.EllipticCurvePrivateKey", key), hashes.SHA256())
        )
        return signed.public_bytes(serialization.Encoding.PEM).decode()


def _merge(target: Object, patch: Object) -> None:
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            _merge(target.setdefault(key, {}), value)
        else:
            target[key] = value


def user_of(certificate_pem: str) -> list[tuple[str, str]]:
    """The parts of a certificate's subject: whom Kubernetes takes its owner for."""
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    names = {NameOID.COMMON_NAME: "user", NameOID.ORGANIZATION_NAME: "group"}
    return [(names[each.oid], str(each.value)) for each in certificate.subject]


def _role(name: str) -> Object:
    return {"kind": "ClusterRole", "metadata": {"name": name}, "rules": []}
