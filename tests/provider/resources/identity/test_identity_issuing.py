"""An Identity's certificate: requested, signed by the cluster, proved with a call."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
import yaml

from provider.protocol.values import Secret
from tests.provider.fake_api import FakeApi
from tests.provider.fake_objects import RBAC, REQUESTS, user_of
from tests.provider.resources.identity.parts import (
    BINDING,
    FIRST,
    IDENTITY,
    PROOF,
    READS,
    SECOND,
    Inputs,
    parts_of,
)
from tests.provider.rpc import Failed, Rpc


def test_an_identity_is_a_certificate_of_its_own_user_and_of_no_group(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    identity, outputs = rpc.create(IDENTITY, inputs)

    assert identity == "ci"
    assert isinstance(outputs["kubeconfig"], Secret)
    parts = parts_of(outputs)
    assert user_of(parts.client_certificate) == [("user", FIRST)]
    assert parts.server == api.endpoint
    assert outputs["userName"] == FIRST
    assert outputs["previousUserName"] == ""
    content = yaml.safe_load(outputs["kubeconfig"].value)
    (context,) = content["contexts"]
    assert context["name"] == content["current-context"] == "demo-ci"
    assert context["context"]["namespace"] == "shop"
    begin, end = (datetime.fromisoformat(outputs[key]) for key in ("issuedAt", "expiresAt"))
    assert end - begin == timedelta(days=90)


def test_the_request_asks_for_a_client_certificate_of_the_wished_life_and_is_removed(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    api.objects.reads_until_signed = 2

    rpc.create(IDENTITY, inputs)

    (request,) = api.objects.requests
    asked = {key: each for key, each in request["spec"].items() if key != "request"}
    assert asked == {
        "signerName": "kubernetes.io/kube-apiserver-client",
        "expirationSeconds": 90 * 24 * 60 * 60,
        "usages": ["digital signature", "client auth"],
    }
    assert not [path for path in api.objects.by_path if path.startswith(REQUESTS)]
    assert "waiting for the cluster to sign the certificate" in rpc.reported.progress_lines


def test_a_certificate_that_is_not_signed_is_an_error_with_the_clusters_reason(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    api.objects.refusal = {"type": "Failed", "status": "True", "message": "the signer is away"}

    with pytest.raises(Failed) as caught:
        rpc.create(IDENTITY, inputs)

    assert caught.value.text == (
        f'the cluster does not sign a certificate for "{FIRST}": the signer is away\n'
        "    see the events and the log of k3s's controller manager"
    )
    assert api.objects.of("ci") == {}
    assert not [path for path in api.objects.by_path if path.startswith(REQUESTS)]


def test_the_new_user_calls_until_the_api_responds_before_it_gets_permissions(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    def unready_twice(calls: int) -> int | None:
        return 503 if api.calls[-1] == PROOF and api.calls.count(PROOF) < 3 else None

    api.before_answer = unready_twice
    rpc.create(IDENTITY, inputs)

    calls = list(zip(api.calls, api.callers, strict=True))
    assert [caller for call, caller in calls if call == PROOF] == [FIRST] * 3
    assert {caller for call, caller in calls if call != PROOF} == {"k3s-aws-admin"}
    first_put = next(index for index, (call, _) in enumerate(calls) if call.startswith("PUT"))
    assert PROOF not in api.calls[first_put:]
    assert "the API responds 503 Service Unavailable" in rpc.reported.progress_lines


def test_a_new_user_who_may_not_call_readyz_is_accepted(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    api.before_answer = lambda calls: 403 if api.calls[-1] == PROOF else None

    rpc.create(IDENTITY, inputs)

    assert api.calls.count(PROOF) == 1
    assert api.objects.users_of("ci") == {BINDING: [FIRST], READS: [FIRST]}


def test_a_new_user_whom_the_api_does_not_authenticate_is_an_error_at_once(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    api.before_answer = lambda calls: 401 if api.calls[-1] == PROOF else None

    with pytest.raises(Failed) as caught:
        rpc.create(IDENTITY, {**inputs, "deadlineSeconds": 30})

    assert caught.value.code == "FAILED_PRECONDITION"
    assert caught.value.text == (
        'identity "ci" of cluster "demo" is not up to date: the API responds 401 Unauthorized\n'
        f"    the server of this stack must respond at {api.endpoint}"
    )
    assert api.calls.count(PROOF) == 1
    assert api.objects.of("ci") == {}


def test_a_deadline_reports_what_was_seen_last(rpc: Rpc, api: FakeApi, inputs: Inputs) -> None:
    api.status_of_everything = 503

    with pytest.raises(Failed) as caught:
        rpc.create(IDENTITY, {**inputs, "deadlineSeconds": 30})

    assert caught.value.code == "DEADLINE_EXCEEDED"
    assert caught.value.text == (
        'identity "ci" of cluster "demo" is not up to date after 30 s\n'
        "    last seen: the API responds 503 Service Unavailable\n"
        f"    check that the API responds at {api.endpoint}, and k3s's log on the first server"
    )


def test_what_the_api_refuses_is_reported_with_its_reason(
    rpc: Rpc, api: FakeApi, inputs: Inputs, other_authority: Mapping[str, Any]
) -> None:
    api.status_of_everything = 403
    with pytest.raises(Failed) as refused:
        rpc.create(IDENTITY, inputs)
    untrusted = {**inputs["api"], "serverCaCertificate": other_authority["serverCaCertificate"]}
    with pytest.raises(Failed) as another:
        rpc.create(IDENTITY, {**inputs, "api": untrusted})

    assert refused.value.text == (
        'identity "ci" of cluster "demo" is not up to date: the API responds 403 Forbidden\n'
        f"    the server of this stack must respond at {api.endpoint}"
    )
    assert "the API's certificate is not trusted" in another.value.text


def test_an_interrupted_creation_is_made_good_by_the_next(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    # The last object: everything before it is there.
    api.before_answer = lambda calls: 400 if api.calls[-1] == f"PUT {RBAC}{READS}" else None
    with pytest.raises(Failed):
        rpc.create(IDENTITY, inputs)
    assert api.objects.users_of("ci") == {BINDING: [FIRST]}
    api.before_answer = lambda calls: None

    _, outputs = rpc.create(IDENTITY, inputs)

    assert outputs["userName"] == SECOND
    assert api.objects.users_of("ci") == {BINDING: [SECOND], READS: [SECOND]}


def test_no_message_and_no_row_holds_the_key(rpc: Rpc, api: FakeApi, inputs: Inputs) -> None:
    _, outputs = rpc.create(IDENTITY, inputs)

    key = parts_of(outputs).client_key.splitlines()[1]
    reported = "\n".join([*rpc.reported.progress_lines, *rpc.reported.warnings, *api.calls])
    assert key not in reported
    assert all(key not in str(each) for each in api.objects.requests)


def test_wrong_inputs_are_reported_with_their_path(rpc: Rpc, inputs: Inputs) -> None:
    wrong = {**inputs, "namespaces": "shop", "clusterReads": ["nodes", 3], "expiryDays": 0}

    _, failures = rpc.check(IDENTITY, wrong)

    assert failures == {
        "namespaces": 'expected a list of strings, found "shop"\n    a list of names',
        "clusterReads": 'expected a list of strings, found a list\n    a list such as ["nodes"]',
        "expiryDays": "0 is less than 1\n    such as 90",
    }
