"""
k3s's kubeconfig to the operator's: the endpoint and the names set in the parsed structure.

Connects to nothing; fetching the text and proving it with a call is provider/'s business.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cluster import untrusted_text, yaml_reader, yaml_writer
from cluster.errors import KubeconfigError


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a kubeconfig says about its current context, certificates and key as PEM text."""

    server: str
    certificate_authority: str
    client_certificate: str
    client_key: str

    def __repr__(self) -> str:
        return f"Parts(server={self.server!r}, ...)"


def parse(text: str) -> Parts:
    """The current context of a kubeconfig; raises KubeconfigError, which never quotes the text."""
    try:
        content = yaml_reader.read(text)
    except yaml_reader.InvalidYaml as error:
        raise KubeconfigError(f"the kubeconfig {error.reason}") from None
    try:
        context = _named(content, "contexts", content["current-context"])["context"]
        cluster = _named(content, "clusters", context["cluster"])["cluster"]
        user = _named(content, "users", context["user"])["user"]
        return Parts(
            server=untrusted_text.one_line(_string(cluster["server"])),
            certificate_authority=_text(cluster["certificate-authority-data"]),
            client_certificate=_text(user["client-certificate-data"]),
            client_key=_text(user["client-key-data"]),
        )
    except KeyError as missing:
        raise KubeconfigError(f"the kubeconfig has no {missing.args[0]}") from None
    except (TypeError, AttributeError, RecursionError):
        raise KubeconfigError("the kubeconfig does not have the shape of one") from None
    except ValueError:
        raise KubeconfigError("the kubeconfig holds a certificate that is not base64") from None


def render(parts: Parts, *, endpoint: str, name: str, namespace: str | None = None) -> str:
    """
    A kubeconfig for `endpoint` whose cluster, context and user are all called `name`.

    `namespace` is where kubectl looks unless it is told another one.
    """
    context = {"cluster": name, "user": name}
    if namespace is not None:
        context["namespace"] = namespace
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [
            {
                "name": name,
                "cluster": {
                    "server": endpoint,
                    "certificate-authority-data": _base64(parts.certificate_authority),
                },
            }
        ],
        "contexts": [{"name": name, "context": context}],
        "users": [
            {
                "name": name,
                "user": {
                    "client-certificate-data": _base64(parts.client_certificate),
                    "client-key-data": _base64(parts.client_key),
                },
            }
        ],
    }
    return yaml_writer.write(content)


def verify(text: str, *, server_ca_certificate: str) -> None:
    """Raises KubeconfigError unless the kubeconfig trusts exactly our server CA."""
    if _der(parse(text).certificate_authority) != _der(server_ca_certificate):
        raise KubeconfigError(
            "the kubeconfig trusts another certificate authority than the cluster's own\n"
            "    the machine was not set up by this stack, or its datastore is older than it: "
            "replace the server"
        )


def _named(content: Mapping[str, Any], kind: str, name: str) -> Mapping[str, Any]:
    entries: Sequence[Mapping[str, Any]] = content[kind]
    for entry in entries:
        if entry["name"] == name:
            return entry
    raise KeyError(f'"{untrusted_text.one_line(str(name), 64)}" under {kind}')


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _text(data: str) -> str:
    return base64.b64decode(data, validate=True).decode("ascii")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("ascii")).decode()


def _der(pem: str) -> list[bytes]:
    """Each certificate's bytes: line lengths and text around the blocks do not count."""
    blocks = pem.split("-----BEGIN CERTIFICATE-----")[1:]
    try:
        bodies = [block.split("-----END CERTIFICATE-----")[0] for block in blocks]
        return [base64.b64decode("".join(body.split()), validate=True) for body in bodies]
    except ValueError:
        raise KubeconfigError("a certificate is not PEM") from None
