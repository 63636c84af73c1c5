"""What the resources do not ask the API for: their tests go through the plugin."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from cluster import kubeconfig
from provider.kubernetes.api import Api
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
