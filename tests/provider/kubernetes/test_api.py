"""What the resources do not ask the API for: their tests go through the plugin."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from cluster import kubeconfig
from provider.kubernetes.api import Api, InvalidCredentialsError
from tests.provider.fake_api import FakeApi, node


def test_all_nodes_are_listed_with_their_states(api: FakeApi, authority: Mapping[str, Any]) -> None:
    api.nodes = {"a": node("a"), "b": node("b", ready="False", reason="KubeletNotReady")}
    parts = kubeconfig.Parts(
        server=api.endpoint,
        certificate_authority=authority["serverCaCertificate"],
        client_certificate=authority["adminCertificate"],
        client_key=authority["adminKey"],
    )
    with contextlib.closing(Api(parts)) as asked:
        found = asked.nodes()
    assert {name: state.ready for name, state in found.items()} == {"a": True, "b": False}
    assert found["b"].reason == "condition Ready is False: KubeletNotReady: KubeletNotReady it says"


def test_an_encrypted_key_is_an_error_and_asks_nobody_for_its_password(
    authority: Mapping[str, Any],
) -> None:
    key = serialization.load_pem_private_key(authority["adminKey"].encode(), None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"unknown"),
    )
    parts = kubeconfig.Parts(
        server="https://127.0.0.1:6443",
        certificate_authority=authority["serverCaCertificate"],
        client_certificate=authority["adminCertificate"],
        client_key=encrypted.decode(),
    )
    with pytest.raises(InvalidCredentialsError):
        Api(parts)
