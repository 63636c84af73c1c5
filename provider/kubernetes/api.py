"""
The Kubernetes API of one cluster, called with a client certificate. Retries nothing.

A few plain calls, so no client library: its models refuse an object that lacks a field we do not
need. Certificates come as strings: the key is on disk only while OpenSSL reads it.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import urllib3

from cluster import kubeconfig

# For one request; the wait around it has the deadline.
_TIMEOUT: Final = urllib3.Timeout(connect=5.0, read=10.0)
# The errors of OpenSSL for a chain that does not end in our authority:
# https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/
_UNTRUSTED_CHAIN: Final = {7, 18, 19, 20, 21}
_LONGEST_REASON: Final = 300
_ARCHITECTURES: Final = {"amd64": "x86_64"}


class ApiError(Exception):
    """A request failed; where `retryable`, another attempt may succeed."""

    retryable = True


class UntrustedServerError(ApiError):
    """The server's certificate is not of our authority: it is another cluster."""

    retryable = False


class InvalidCredentialsError(ApiError):
    """The certificates given for the API cannot be used with any server."""

    retryable = False


class ApiStatusError(ApiError):
    """The API responded with another HTTP status than expected."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.retryable = status == 429 or status >= 500


def is_retryable(error: Exception) -> bool:
    """For `Wait.until`: whether a request that failed so is worth another attempt."""
    return isinstance(error, ApiError) and error.retryable


@dataclass(frozen=True, kw_only=True)
class NodeState:
    """The status of a Node; `reason` is why it is not ready."""

    ready: bool
    reason: str
    kubelet_version: str
    architecture: str
    internal_ip: str
    boot_id: str
    """The boot of the machine that the kubelet last reported from."""


@dataclass(frozen=True, kw_only=True)
class Pod:
    """A pod that has to leave a node that is drained."""

    namespace: str
    name: str
    uid: str


class Api:
    """The API of a kubeconfig's parts. Every call raises ApiError or one of its subclasses."""

    def __init__(self, parts: kubeconfig.Parts) -> None:
        self._endpoint = parts.server.rstrip("/")
        self._pool = urllib3.PoolManager(ssl_context=_trust(parts), retries=False, timeout=_TIMEOUT)

    def close(self) -> None:
        self._pool.clear()

    def check_ready(self) -> None:
        """A call that succeeds when the API is ready and accepts the client certificate."""
        self.call("GET", "/readyz")

    def node(self, name: str) -> NodeState | None:
        """The Node; None when there is none of this name."""
        response = self.call("GET", f"/api/v1/nodes/{name}", accept=(404,))
        return _state(response.json()) if response.status == 200 else None

    def nodes(self) -> Mapping[str, NodeState]:
        """Every Node, by name."""
        listed = self.call("GET", "/api/v1/nodes").json()["items"]
        return {each["metadata"]["name"]: _state(each) for each in listed}

    def cordon(self, name: str) -> bool:
        """Makes the Node unschedulable; whether there is one of this name."""
        patch = {"spec": {"unschedulable": True}}
        return self.call("PATCH", f"/api/v1/nodes/{name}", patch, accept=(404,)).status == 200

    def update_node(
        self,
        name: str,
        labels: Mapping[str, str | None],
        replaced: Collection[tuple[str, str]],
        taints: Sequence[tuple[str, str, str]],
    ) -> None:
        """
        Sets labels (None removes one), and these taints in place of those replaced.

        `replaced` are keys and effects, `taints` keys, values and effects. Raises
        ApiStatusError with 409 when the Node was changed meanwhile.
        """
        node = self.call("GET", f"/api/v1/nodes/{name}").json()
        present = node["spec"].get("taints", ())
        kept = [each for each in present if (each["key"], each["effect"]) not in replaced]
        ours = [{"key": key, "value": value, "effect": effect} for key, value, effect in taints]
        version = node["metadata"].get("resourceVersion")
        patch = {
            "metadata": {"labels": labels, "resourceVersion": version},
            "spec": {"taints": [*kept, *ours]},
        }
        self.call("PATCH", f"/api/v1/nodes/{name}", patch)

    def pods_to_move(self, node: str) -> Sequence[Pod]:
        """The pods to evict: all but those of DaemonSets, of static files, and completed ones."""
        listed = self.call("GET", f"/api/v1/pods?fieldSelector=spec.nodeName%3D{node}").json()
        found = [each["metadata"] for each in listed["items"] if _has_to_move(each)]
        return [
            Pod(namespace=each["namespace"], name=each["name"], uid=each["uid"]) for each in found
        ]

    def evict(self, pod: Pod) -> bool:
        """Evicts a pod; False when a disruption budget does not allow it now."""
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"namespace": pod.namespace, "name": pod.name},
            "deleteOptions": {"preconditions": {"uid": pod.uid}},
        }
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/eviction"
        # 404 and 409: deleted, or replaced by another pod of its name.
        return self.call("POST", path, eviction, accept=(404, 409, 429)).status != 429

    def delete_node(self, name: str) -> None:
        """Deletes the Node object, if it exists."""
        self.call("DELETE", f"/api/v1/nodes/{name}", accept=(404,))

    def call(
        self, method: str, path: str, content: Any = None, accept: Sequence[int] = ()
    ) -> urllib3.BaseHTTPResponse:
        """One request; a status other than success and those in `accept` is ApiStatusError."""
        body = None if content is None else json.dumps(content)
        kind = "merge-patch+json" if method == "PATCH" else "json"
        headers = {"Content-Type": f"application/{kind}", "Accept": "application/json"}
        try:
            response = self._pool.request(method, self._endpoint + path, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise _connection_error(error) from error
        if response.status not in (200, 201, 202, *accept):
            raise ApiStatusError(response.status, _format_status(response))
        return response


def _trust(parts: kubeconfig.Parts) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=parts.certificate_authority)
        with tempfile.TemporaryDirectory() as folder:
            # OpenSSL takes a pair from files only; the folder is the user's own, 0700.
            pair = Path(folder) / "pair.pem"
            pair.write_text(f"{parts.client_certificate}\n{parts.client_key}", "ascii")
            context.load_cert_chain(pair)
    except (ssl.SSLError, ValueError):
        raise InvalidCredentialsError(
            "the certificates and the key for the API cannot be used together"
        ) from None
    return context


def _connection_error(error: urllib3.exceptions.HTTPError) -> ApiError:
    cause = error.args[0] if error.args else None
    if isinstance(cause, ssl.SSLCertVerificationError):
        text = f"the API's certificate is not trusted: {cause.verify_message}"
        untrusted = cause.verify_code in _UNTRUSTED_CHAIN
        return UntrustedServerError(text) if untrusted else ApiError(text)
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return ApiError("the API cannot be reached")
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return ApiError("the API does not respond in time")
    return ApiError(f"the API does not respond ({type(error).__name__})")


def _format_status(response: urllib3.BaseHTTPResponse) -> str:
    text = f"the API responds {response.status} {response.reason}"
    with contextlib.suppress(ValueError, AttributeError):
        # The message of Kubernetes, in an object of the kind Status.
        if message := response.json().get("message"):
            return f"{text}: {str(message)[:_LONGEST_REASON]}"
    return text


def _state(node: Mapping[str, Any]) -> NodeState:
    status = node.get("status", {})
    info = status.get("nodeInfo", {})
    conditions = {each["type"]: each for each in status.get("conditions", ())}
    addresses = {each["type"]: each["address"] for each in status.get("addresses", ())}
    ready = conditions.get("Ready", {})
    architecture = info.get("architecture", "")
    return NodeState(
        ready=ready.get("status") == "True",
        reason=_reason(ready),
        kubelet_version=info.get("kubeletVersion", ""),
        architecture=_ARCHITECTURES.get(architecture, architecture),
        internal_ip=addresses.get("InternalIP", ""),
        boot_id=info.get("bootID", ""),
    )


def _reason(ready: Mapping[str, Any]) -> str:
    if not ready:
        return "the kubelet has not reported yet"
    reason, message = ready.get("reason", ""), ready.get("message", "")
    return f"condition Ready is {ready['status']}: {reason}: {message}"


def _has_to_move(pod: Mapping[str, Any]) -> bool:
    owners = pod["metadata"].get("ownerReferences", ())
    return not (
        "kubernetes.io/config.mirror" in pod["metadata"].get("annotations", {})
        or any(each["kind"] == "DaemonSet" and each.get("controller") for each in owners)
        or pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
    )
