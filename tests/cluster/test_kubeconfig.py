"""k3s's kubeconfig to the operator's."""

from __future__ import annotations

import base64

import pytest
import yaml

from cluster import kubeconfig
from cluster.errors import KubeconfigError


def pem(content: bytes, *, width: int = 64) -> str:
    text = base64.b64encode(content).decode()
    lines = [text[start : start + width] for start in range(0, len(text), width)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])


CA = pem(b"the authority's certificate" * 9)
PARTS = kubeconfig.Parts(
    server="https://127.0.0.1:6443",
    certificate_authority=CA,
    client_certificate=pem(b"client"),
    client_key="-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n-----END EC PRIVATE KEY-----\n",
)
K3S = kubeconfig.render(PARTS, endpoint=PARTS.server, name="default")
ENDPOINT = "https://203.0.113.7:6443"


def test_the_endpoint_is_ours() -> None:
    text = kubeconfig.render(kubeconfig.parse(K3S), endpoint=ENDPOINT, name="demo")
    assert kubeconfig.parse(text).server == ENDPOINT


def test_everything_in_it_is_named_after_the_cluster() -> None:
    parsed = yaml.safe_load(
        kubeconfig.render(kubeconfig.parse(K3S), endpoint=ENDPOINT, name="demo")
    )
    names = [parsed[kind][0]["name"] for kind in ("clusters", "contexts", "users")]
    assert names == ["demo", "demo", "demo"]
    assert parsed["current-context"] == "demo"
    assert parsed["contexts"][0]["context"] == {"cluster": "demo", "user": "demo"}


def test_a_namespace_is_where_kubectl_looks() -> None:
    text = kubeconfig.render(PARTS, endpoint=PARTS.server, name="x", namespace="shop")
    (context,) = yaml.safe_load(text)["contexts"]
    assert context["context"] == {"cluster": "x", "user": "x", "namespace": "shop"}


def test_certificates_and_key_are_kept() -> None:
    parts = kubeconfig.parse(
        kubeconfig.render(kubeconfig.parse(K3S), endpoint=ENDPOINT, name="demo")
    )
    assert (parts.certificate_authority, parts.client_certificate, parts.client_key) == (
        CA,
        PARTS.client_certificate,
        PARTS.client_key,
    )


def test_the_word_default_elsewhere_is_left_alone() -> None:
    parts = kubeconfig.Parts(
        server="https://default.example.com:6443",
        certificate_authority=CA,
        client_certificate="default",
        client_key="127.0.0.1",
    )
    text = kubeconfig.render(parts, endpoint=parts.server, name="default")
    again = kubeconfig.parse(
        kubeconfig.render(kubeconfig.parse(text), endpoint=ENDPOINT, name="demo")
    )
    assert (again.client_certificate, again.client_key) == ("default", "127.0.0.1")


def test_the_current_context_is_taken_not_the_first_one() -> None:
    content = yaml.safe_load(K3S)
    content["clusters"].insert(0, {"name": "other", "cluster": {"server": "https://other"}})
    assert kubeconfig.parse(yaml.safe_dump(content)).server == PARTS.server


def test_our_own_authority_is_accepted_however_its_lines_are_broken() -> None:
    kubeconfig.verify(K3S, server_ca_certificate=pem(b"the authority's certificate" * 9, width=76))


@pytest.mark.parametrize("other", [pem(b"another"), CA + pem(b"another"), ""])
def test_another_authority_is_rejected(other: str) -> None:
    with pytest.raises(KubeconfigError) as rejection:
        kubeconfig.verify(K3S, server_ca_certificate=other)
    assert str(rejection.value).startswith(
        "the kubeconfig trusts another certificate authority than the cluster's own\n"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the kubeconfig does not have the shape of one"),
        ("{a: [", "the kubeconfig is not valid YAML"),
        ("{}", "the kubeconfig has no current-context"),
        ("current-context: x\ncontexts: []", 'the kubeconfig has no "x" under contexts'),
        (
            K3S.replace("client-key-data: ", "client-key-data: %secret%"),
            "the kubeconfig is not valid YAML",
        ),
        (
            K3S.replace("client-key-data: ", "client-key-data: secret!"),
            "the kubeconfig holds a certificate that is not base64",
        ),
        (K3S.replace("client-key-data", "client-key"), "the kubeconfig has no client-key-data"),
        ("[" * 2_000, "the kubeconfig is nested deeper than 250 levels"),
        ("current-context: [a]\ncontexts: 7", "the kubeconfig does not have the shape of one"),
        (
            'current-context: "a\\e[2J\\n##vso[b]c"\ncontexts: []',
            'the kubeconfig has no "a?[2J # #vso[b]c" under contexts',
        ),
    ],
)
def test_an_invalid_kubeconfig_is_rejected_without_being_quoted(text: str, message: str) -> None:
    with pytest.raises(KubeconfigError) as rejection:
        kubeconfig.parse(text)
    assert str(rejection.value) == message
    assert rejection.value.__cause__ is None


def test_printing_the_parts_prints_no_key() -> None:
    assert repr(PARTS) == "Parts(server='https://127.0.0.1:6443', ...)"
