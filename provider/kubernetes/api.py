"""
The Kubernetes API of one cluster, called with a client certificate. Retries nothing.

A few plain calls, so no client library: its models refuse an object that lacks a field we do not
need. Certificates come as strings: the key is on disk only while OpenSSL reads it.

What a response says is untrusted: kubelets write the status of their Nodes.
"""

from __future__ import annotations

import contextlib
import ssl
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cluster import kubeconfig, untrusted_text
from provider.kubernetes import node_state
from provider.kubernetes.api_errors import (
    ApiError,
    ApiStatusError,
    InvalidCredentialsError,
    UntrustedServerError,
    check_shape,
    is_retryable,
)
from provider.kubernetes.node_state import NodeState
from provider.kubernetes.transport import Response, Transport

__all__ = [
    "Api",
    "ApiError",
    "ApiStatusError",
    "InvalidCredentialsError",
    "NodeState",
    "Pod",
    "UntrustedServerError",
    "is_retryable",
]

_LONGEST_REASON: Final = 300


@dataclass(frozen=True, kw_only=True)
class Pod:
    """A pod that has to leave a node that is drained."""

    namespace: str
    name: str
    uid: str


class Api:
    """
    The API of a kubeconfig's parts. Every call raises ApiError or one of its subclasses.

    It is called at `others`, URLs of the same cluster, where its own does not respond.
    """

    def __init__(
        self,
        parts: kubeconfig.Parts,
        certificate_name: str | None = None,
        others: Sequence[str] = (),
    ) -> None:
        context = _trust(parts)
        endpoints = (parts.server, *others)
        self._transports = [Transport(each, context, certificate_name) for each in endpoints]
        self._used = 0

    def close(self) -> None:
        """Ends the calls that are under way in other threads, too."""
        for each in self._transports:
            each.close()

    def check_ready(self) -> None:
        """A call that succeeds when the API is ready and accepts the client certificate."""
        self.call("GET", "/readyz")

    def node(self, name: str) -> NodeState | None:
        """The Node; None when there is none of this name."""
        response = self.call("GET", f"/api/v1/nodes/{name}", accept=(404,))
        return node_state.parse(response.json()) if response.status == 200 else None

    def nodes(self) -> Mapping[str, NodeState]:
        """Every Node, by name."""
        listed = self.call("GET", "/api/v1/nodes").json()
        with check_shape():
            return {each["metadata"]["name"]: node_state.parse(each) for each in listed["items"]}

    def number_of_servers(self) -> int:
        """How many Nodes are servers."""
        path = f"/api/v1/nodes?labelSelector={node_state.SERVER_LABEL}"
        with check_shape():
            return len(self.call("GET", path).json()["items"])

    def cordon(self, name: str, *, for_change: bool = False) -> bool:
        """
        Makes the Node unschedulable; whether there is one of this name.

        `for_change` marks it as to be made schedulable again.
        """
        patch: dict[str, Any] = {"spec": {"unschedulable": True}}
        if for_change:
            patch["metadata"] = {"annotations": {node_state.CORDONED: "true"}}
        return self.call("PATCH", f"/api/v1/nodes/{name}", patch, accept=(404,)).status == 200

    def uncordon(self, name: str) -> None:
        """Makes the Node schedulable, and removes the mark."""
        patch = {
            "metadata": {"annotations": {node_state.CORDONED: None}},
            "spec": {"unschedulable": None},
        }
        self.call("PATCH", f"/api/v1/nodes/{name}", patch, accept=(404,))

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
        ours = [{"key": key, "value": value, "effect": effect} for key, value, effect in taints]
        with check_shape():
            present = node["spec"].get("taints", ())
            kept = [each for each in present if (each["key"], each["effect"]) not in replaced]
            version = node["metadata"].get("resourceVersion")
        patch = {
            "metadata": {"labels": labels, "resourceVersion": version},
            "spec": {"taints": [*kept, *ours]},
        }
        self.call("PATCH", f"/api/v1/nodes/{name}", patch)

    def pods_to_move(self, node: str) -> Sequence[Pod]:
        """The pods to evict: all but those of DaemonSets, of static files, and completed ones."""
        listed = self.call("GET", f"/api/v1/pods?fieldSelector=spec.nodeName%3D{node}").json()
        with check_shape():
            found = [each["metadata"] for each in listed["items"] if _has_to_move(each)]
            return [
                Pod(namespace=each["namespace"], name=each["name"], uid=each["uid"])
                for each in found
            ]

    def evict(self, pod: Pod) -> str:
        """
        Evicts a pod; the reason why it may not be evicted now, which is empty where it was.

        429: a disruption budget. 500: several of them for one pod. 403: its namespace is being
        deleted. https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
        """
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"namespace": pod.namespace, "name": pod.name},
            "deleteOptions": {"preconditions": {"uid": pod.uid}},
        }
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/eviction"
        # 404 and 409: deleted, or replaced by another pod of its name.
        response = self.call("POST", path, eviction, accept=(403, 404, 409, 429, 500))
        return _format_rejection(response) if response.status in (403, 429, 500) else ""

    def delete_node(self, name: str) -> None:
        """Deletes the Node object, if it exists."""
        self.call("DELETE", f"/api/v1/nodes/{name}", accept=(404,))

    def call(
        self, method: str, path: str, content: Any = None, accept: Sequence[int] = ()
    ) -> Response:
        """One request; a status other than success and those in `accept` is ApiStatusError."""
        response = self._request(method, path, content)
        if response.status not in (200, 201, 202, *accept):
            raise ApiStatusError(response.status, _format_status(response))
        return response

    def _request(self, method: str, path: str, content: Any) -> Response:
        """By the endpoint that responded last; else by the first other one that does."""
        count, failure = len(self._transports), ApiError("the API cannot be reached")
        for index in [(self._used + each) % count for each in range(count)]:
            try:
                response = self._transports[index].request(method, path, content)
            except ApiError as error:
                failure = error
            else:
                self._used = index
                return response
        raise failure


def _trust(parts: kubeconfig.Parts) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=parts.certificate_authority)
        with tempfile.TemporaryDirectory() as folder:
            # OpenSSL takes a pair from files only; the folder is the user's own, 0700.
            pair = Path(folder) / "pair.pem"
            pair.write_text(f"{parts.client_certificate}\n{parts.client_key}", "ascii")
            # Without a password OpenSSL would ask the terminal for that of an encrypted key.
            context.load_cert_chain(pair, password="")
    except (ssl.SSLError, ValueError):
        raise InvalidCredentialsError(
            "the certificates and the key for the API cannot be used together"
        ) from None
    return context


def _format_status(response: Response) -> str:
    text = f"the API responds {response.status} {response.reason}"
    with contextlib.suppress(ApiError, AttributeError):
        # The message of Kubernetes, in an object of the kind Status.
        if message := response.json().get("message"):
            text += f": {str(message)[:_LONGEST_REASON]}"
    return untrusted_text.one_line(text)


def _format_rejection(response: Response) -> str:
    """Why an eviction was not allowed: the budget, where the API names it."""
    with contextlib.suppress(ApiError, LookupError, TypeError, AttributeError):
        causes = response.json()["details"]["causes"]
        text = "; ".join(str(each["message"]) for each in causes)
        return untrusted_text.one_line(text)[:_LONGEST_REASON] or _format_status(response)
    return _format_status(response)


def _has_to_move(pod: Mapping[str, Any]) -> bool:
    owners = pod["metadata"].get("ownerReferences", ())
    return not (
        "kubernetes.io/config.mirror" in pod["metadata"].get("annotations", {})
        or any(each["kind"] == "DaemonSet" and each.get("controller") for each in owners)
        or pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
    )
