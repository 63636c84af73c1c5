"""
A Kubernetes API on loopback: nodes, pods, evictions, and the objects of fake_objects.py, as JSON
over TLS with client certificates.

Every call is noted as `METHOD path`, and whom the certificate it came with names. What it lets
through is decided by TLS alone: a client without a certificate of the client CA is not answered.
"""

from __future__ import annotations

import ipaddress
import json
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.provider.fake_objects import FakeObjects


def node(name: str, *, ready: str = "True", reason: str = "KubeletReady") -> dict[str, Any]:
    """A Node, as the API shows it."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "spec": {},
        "status": {
            "conditions": [
                {"type": "MemoryPressure", "status": "False", "reason": "x", "message": "y"},
                {
                    "type": "Ready",
                    "status": ready,
                    "reason": reason,
                    "message": f"{reason} it says",
                    "lastHeartbeatTime": "2026-11-24T03:00:00Z",
                },
            ],
            "addresses": [
                {"type": "ExternalIP", "address": "203.0.113.10"},
                {"type": "InternalIP", "address": "10.64.0.10"},
            ],
            "nodeInfo": {"kubeletVersion": "v1.36.5+k3s1", "architecture": "amd64"},
        },
    }


def pod(name: str, *, owner: str = "ReplicaSet", phase: str = "Running") -> dict[str, Any]:
    """A pod in the namespace `default`; the owner `Mirror` makes it a mirror pod."""
    metadata: dict[str, Any] = {"name": name, "namespace": "default", "uid": f"uid-{name}"}
    if owner == "Mirror":
        metadata["annotations"] = {"kubernetes.io/config.mirror": "hash"}
    else:
        reference = {"apiVersion": "apps/v1", "kind": owner, "name": "o", "uid": "u"}
        metadata["ownerReferences"] = [{**reference, "controller": True}]
    return {"metadata": metadata, "spec": {}, "status": {"phase": phase}}


# https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/registry/core/pod/storage/eviction.go
BUDGET = {
    "causes": [
        {
            "reason": "DisruptionBudget",
            "message": "The disruption budget web needs 1 healthy pods and has 1 currently",
        }
    ]
}


def labels_of(node: dict[str, Any]) -> dict[str, str]:
    labels: dict[str, str] = node["metadata"].get("labels", {})
    return labels


def merge(target: dict[str, Any], patch: dict[str, Any]) -> None:
    """A merge patch of plain values."""
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        else:
            target[key] = value


class FakeApi:
    """The API from its making to `close`; its content may be changed at any time."""

    def __init__(self, folder: Path, authority: dict[str, str]) -> None:
        self.nodes: dict[str, dict[str, Any]] = {}
        self.pods: dict[str, dict[str, Any]] = {}
        # How often an eviction is refused by a disruption budget, by pod.
        self.budgets: dict[str, int] = {}
        # With which status and message an eviction is refused for ever, by pod.
        self.refused: dict[str, tuple[int, str]] = {}
        # Pods that do not end when they are evicted.
        self.stuck: set[str] = set()
        # How often a Node that is deleted is read before its finalizers are gone.
        self.finalized_after = 0
        self.deleting = False
        self.objects = FakeObjects(authority)
        self.calls: list[str] = []
        self.callers: list[str] = []
        self.status_of_everything: int | None = None
        # Called with the number of calls so far; a status it gives is the answer.
        self.before_answer: Callable[[int], int | None] = lambda calls: None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.api = self  # type: ignore[attr-defined]
        self._server.daemon_threads = True
        context = _context(folder, authority)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.endpoint = f"https://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Any:
        """The status and the content."""
        self.calls.append(f"{method} {path}")
        status = self.status_of_everything or self.before_answer(len(self.calls))
        if status:
            return status, {}
        if path == "/readyz":
            return 200, "ok"
        words = path.strip("/").split("/")
        if self.objects.has(words):
            return self.objects.answer(method, path, query, body)
        if words[2:] == ["nodes"] and "labelSelector" in query:
            (label,) = query["labelSelector"]
            found = [each for each in self.nodes.values() if label in labels_of(each)]
            return 200, {"kind": "NodeList", "items": found}
        return self._node_or_pod(method, words, body)

    def _node_or_pod(self, method: str, words: list[str], body: Any) -> Any:
        if words[2:] == ["nodes"]:
            return 200, {"kind": "NodeList", "items": list(self.nodes.values())}
        if words[2] == "nodes":
            return self._node(method, words[3], body)
        if words[2:] == ["pods"]:
            return 200, {"kind": "PodList", "items": list(self.pods.values())}
        return self._evict(words[5], body)

    def _node(self, method: str, name: str, body: Any) -> Any:
        if name not in self.nodes:
            return 404, {"kind": "Status", "reason": "NotFound"}
        found = self.nodes[name]
        if method == "PATCH":
            merge(self.nodes[name]["spec"], body["spec"])
            for kind in ("labels", "annotations"):
                present = self.nodes[name]["metadata"].setdefault(kind, {})
                merge(present, body.get("metadata", {}).get(kind, {}))
        if self.deleting and method == "GET":
            self.finalized_after -= 1
            if self.finalized_after == 0:
                del self.nodes[name]
        if method == "DELETE":
            self.deleting = self.finalized_after > 0
            if not self.deleting:
                del self.nodes[name]
            return 200, {"kind": "Status", "status": "Success"}
        return 200, self.nodes.get(name, found)

    def _evict(self, name: str, body: Any) -> Any:
        if self.budgets.get(name, 0) > 0:
            self.budgets[name] -= 1
            return 429, {"kind": "Status", "reason": "TooManyRequests", "details": BUDGET}
        if name in self.refused:
            status, message = self.refused[name]
            return status, {"kind": "Status", "message": message}
        if name not in self.pods:
            return 404, {"kind": "Status", "reason": "NotFound"}
        if body["deleteOptions"]["preconditions"]["uid"] != f"uid-{name}":
            return 409, {"kind": "Status", "reason": "Conflict"}
        if name not in self.stuck:
            del self.pods[name]
        return 201, {"kind": "Status", "status": "Success"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""

    def handle(self) -> None:
        try:
            cast("ssl.SSLSocket", self.connection).do_handshake()
            super().handle()
        except OSError:
            self.close_connection = True  # the client hung up, or showed no certificate

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        api: FakeApi = self.server.api  # type: ignore[attr-defined]
        certificate: Any = cast("ssl.SSLSocket", self.connection).getpeercert()
        api.callers += [value for ((key, value),) in certificate["subject"] if key == "commonName"]
        status, content = api.answer(self.command, parts.path, parse_qs(parts.query), body)
        text = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_PATCH = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - named by http.server


def _context(folder: Path, authority: dict[str, str]) -> ssl.SSLContext:
    now = datetime.now(UTC)  # TLS looks at the real time
    key = ec.generate_private_key(ec.SECP256R1())
    ca = x509.load_pem_x509_certificate(authority["serverCaCertificate"].encode())
    ca_key = serialization.load_pem_private_key(authority["serverCaKey"].encode(), None)
    own, address = x509.DNSName("kubernetes"), ipaddress.ip_address("127.0.0.1")
    alternatives = x509.SubjectAlternativeName([own, x509.IPAddress(address)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "k3s")]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(alternatives, critical=False)
        .sign(cast("ec.EllipticCurvePrivateKey", ca_key), hashes.SHA256())
    )
    pair = folder / "api.pem"
    pair.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=authority["clientCaCertificate"])
    return context
