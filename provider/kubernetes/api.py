"""
The Kubernetes API of one cluster, asked with a client certificate. Retries nothing.

A few plain calls, so no client library: its models refuse an object that lacks a field nobody asks
for. Certificates come as text: the key is on disk only while OpenSSL reads it.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import urllib3

# For one request; the wait around it has the deadline.
_TIMEOUT: Final = urllib3.Timeout(connect=5.0, read=10.0)
# What OpenSSL says of a chain that does not end in our authority:
# https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/
_FOREIGN_CHAIN: Final = {7, 18, 19, 20, 21}
_LONGEST_REASON: Final = 300
_ARCHITECTURES: Final = {"amd64": "x86_64"}


class ApiError(Exception):
    """Nobody answers at the endpoint, or what answers does not do it."""

    @property
    def retryable(self) -> bool:
        """Whether another attempt may do better."""
        return True


class UntrustedServerError(ApiError):
    """Another cluster answers: its certificate is not of our authority."""

    @property
    def retryable(self) -> bool:
        return False


class InvalidCredentialsError(ApiError):
    """The certificates given for the API cannot be used, whoever answers."""

    @property
    def retryable(self) -> bool:
        return False


class ApiStatusError(ApiError):
    """The API answers, and does not do it; `status` is HTTP's."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status

    @property
    def retryable(self) -> bool:
        return self.status == 429 or self.status >= 500


@dataclass(frozen=True, kw_only=True)
class Access:
    """Where the API is and who we are there."""

    endpoint: str
    server_ca: str
    client_certificate: str
    client_key: str = field(repr=False)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Access:
        """The `api` input of a resource."""
        return cls(
            endpoint=given["endpoint"],
            server_ca=given["serverCaCertificate"],
            client_certificate=given["clientCertificate"],
            client_key=given["clientKey"],
        )


@dataclass(frozen=True, kw_only=True)
class NodeState:
    """A Node as the API shows it; `why` says what is missing when it is not ready."""

    ready: bool
    why: str
    kubelet_version: str
    architecture: str
    internal_ip: str
    boot_id: str
    """Which boot of the machine the kubelet last reported from."""


@dataclass(frozen=True, kw_only=True)
class Pod:
    """A pod that has to leave a node that is drained."""

    namespace: str
    name: str
    uid: str


class Api:
    """The API at an endpoint. Every call raises ApiError or one of its subclasses."""

    def __init__(self, access: Access) -> None:
        self._endpoint = access.endpoint.rstrip("/")
        self._pool = urllib3.PoolManager(
            ssl_context=_trust(access), retries=False, timeout=_TIMEOUT
        )

    def close(self) -> None:
        self._pool.clear()

    def prove(self) -> None:
        """A real call as the client this is: the API is ready and knows us."""
        self.call("GET", "/readyz")

    def node(self, name: str) -> NodeState | None:
        """The Node; nothing when there is none of this name."""
        answer = self.call("GET", f"/api/v1/nodes/{name}", accept=(404,))
        return _state(answer.json()) if answer.status == 200 else None

    def nodes(self) -> Mapping[str, NodeState]:
        """Every Node, by name."""
        listed = self.call("GET", "/api/v1/nodes").json()["items"]
        return {each["metadata"]["name"]: _state(each) for each in listed}

    def cordon(self, name: str) -> bool:
        """Takes no new pods on the Node; whether there is one of this name."""
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
        ApiStatusError with 409 when somebody else changed the Node meanwhile.
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
        """The pods a drain has to move: not those of DaemonSets, of files, or that have ended."""
        listed = self.call("GET", f"/api/v1/pods?fieldSelector=spec.nodeName%3D{node}").json()
        facts = [each["metadata"] for each in listed["items"] if _has_to_move(each)]
        return [
            Pod(namespace=each["namespace"], name=each["name"], uid=each["uid"]) for each in facts
        ]

    def evict(self, pod: Pod) -> bool:
        """Asks a pod to leave; whether it was allowed (a disruption budget may say not now)."""
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"namespace": pod.namespace, "name": pod.name},
            "deleteOptions": {"preconditions": {"uid": pod.uid}},
        }
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/eviction"
        # 404 and 409: gone, or another pod under its name. It has left.
        return self.call("POST", path, eviction, accept=(404, 409, 429)).status != 429

    def delete_node(self, name: str) -> None:
        """Removes the Node object; fine when there is none."""
        self.call("DELETE", f"/api/v1/nodes/{name}", accept=(404,))

    def call(
        self, method: str, path: str, content: Any = None, accept: Sequence[int] = ()
    ) -> urllib3.BaseHTTPResponse:
        """One request; a status other than success and those in `accept` is ApiStatusError."""
        body = None if content is None else json.dumps(content)
        kind = "merge-patch+json" if method == "PATCH" else "json"
        headers = {"Content-Type": f"application/{kind}", "Accept": "application/json"}
        try:
            answer = self._pool.request(method, self._endpoint + path, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise _unreachable(error) from error
        if answer.status not in (200, 201, 202, *accept):
            raise ApiStatusError(answer.status, _declined(answer))
        return answer


def _trust(access: Access) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=access.server_ca)
        with tempfile.TemporaryDirectory() as folder:
            # OpenSSL takes a pair from files only; the folder is the user's own, 0700.
            pair = Path(folder) / "pair.pem"
            pair.write_text(f"{access.client_certificate}\n{access.client_key}", "ascii")
            context.load_cert_chain(pair)
    except (ssl.SSLError, ValueError):
        raise InvalidCredentialsError(
            "the certificates and the key for the API cannot be used together"
        ) from None
    return context


def _unreachable(error: urllib3.exceptions.HTTPError) -> ApiError:
    cause = error.args[0] if error.args else None
    if isinstance(cause, ssl.SSLCertVerificationError):
        text = f"the API's certificate is not accepted: {cause.verify_message}"
        return UntrustedServerError(text) if cause.verify_code in _FOREIGN_CHAIN else ApiError(text)
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return ApiError("the API cannot be reached")
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return ApiError("the API does not answer in time")
    return ApiError(f"the API does not answer ({type(error).__name__})")


def _declined(answer: urllib3.BaseHTTPResponse) -> str:
    text = f"the API answers {answer.status} {answer.reason}"
    with contextlib.suppress(ValueError, AttributeError):
        # What Kubernetes itself says of it, in an object of the kind Status.
        if why := answer.json().get("message"):
            return f"{text}: {str(why)[:_LONGEST_REASON]}"
    return text


def _state(node: Mapping[str, Any]) -> NodeState:
    status = node.get("status", {})
    facts = status.get("nodeInfo", {})
    conditions = {each["type"]: each for each in status.get("conditions", ())}
    addresses = {each["type"]: each["address"] for each in status.get("addresses", ())}
    ready = conditions.get("Ready", {})
    architecture = facts.get("architecture", "")
    return NodeState(
        ready=ready.get("status") == "True",
        why=_why(ready),
        kubelet_version=facts.get("kubeletVersion", ""),
        architecture=_ARCHITECTURES.get(architecture, architecture),
        internal_ip=addresses.get("InternalIP", ""),
        boot_id=facts.get("bootID", ""),
    )


def _why(ready: Mapping[str, Any]) -> str:
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
