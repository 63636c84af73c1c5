"""An Identity that is rotated, or renewed in the last third of its life."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from provider.protocol.values import UNKNOWN, Secret, unwrap_secrets
from tests.provider.fake_api import FakeApi
from tests.provider.fake_objects import user_of
from tests.provider.resources.identity.parts import (
    BINDING,
    FIRST,
    IDENTITY,
    READS,
    SECOND,
    THIRD,
    Inputs,
    kinds_of,
    parts_of,
)
from tests.provider.rpc import AheadClock, Rpc


@pytest.mark.parametrize(
    "change", [{"generation": 2}, {"clusterRole": "view"}, {"clusterReads": []}, {"expiryDays": 7}]
)
def test_a_rotation_issues_another_user_and_revokes_the_previous_one(
    rpc: Rpc, api: FakeApi, inputs: Inputs, change: Inputs
) -> None:
    _, known = rpc.create(IDENTITY, inputs)

    rotated = rpc.update(IDENTITY, known, inputs, {**inputs, **change})

    assert rotated["userName"] == SECOND
    assert rotated["previousUserName"] == ""
    assert api.objects.users_of("ci")[BINDING] == [SECOND]
    assert FIRST not in str(api.objects.of("ci"))
    role = api.objects.of("ci")[BINDING]["roleRef"]["name"]
    assert role == change.get("clusterRole", "edit")
    assert (READS in api.objects.of("ci")) is (change != {"clusterReads": []})


def test_another_authority_issues_another_user_whose_kubeconfig_trusts_it(
    rpc: Rpc, api: FakeApi, inputs: Inputs, other_authority: Mapping[str, Any]
) -> None:
    _, known = rpc.create(IDENTITY, inputs)
    own, other = inputs["api"]["serverCaCertificate"], other_authority["serverCaCertificate"]
    # Both, as while an authority is exchanged: the API responds with the one it had.
    after = {**inputs, "api": {**inputs["api"], "serverCaCertificate": f"{other}{own}"}}

    preview = rpc.update(IDENTITY, known, inputs, after, preview=True)
    rotated = rpc.update(IDENTITY, known, inputs, after)

    assert preview["kubeconfig"] == Secret(UNKNOWN)
    assert rotated["userName"] == SECOND
    assert parts_of(rotated).certificate_authority == f"{other}{own}"
    assert FIRST not in str(api.objects.of("ci"))


def test_the_preview_of_a_rotation_has_an_unknown_kubeconfig_and_calls_nothing(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    _, known = rpc.create(IDENTITY, inputs)
    calls = len(api.calls)

    rotated = rpc.update(IDENTITY, known, inputs, {**inputs, "generation": 2}, preview=True)
    unknown = {**inputs, "datastoreId": UNKNOWN}
    moved = rpc.update(IDENTITY, known, inputs, unknown, preview=True)

    assert rotated["kubeconfig"] == Secret(UNKNOWN)
    assert rotated["userName"] is UNKNOWN
    assert moved["kubeconfig"] == known["kubeconfig"]
    assert len(api.calls) == calls


def test_another_deadline_calls_nothing_and_another_endpoint_is_rendered(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    _, known = rpc.create(IDENTITY, inputs)
    calls = len(api.calls)

    rpc.update(IDENTITY, known, inputs, {**inputs, "deadlineSeconds": 60})
    assert len(api.calls) == calls

    elsewhere = {**inputs["api"], "endpoint": f"{api.endpoint}/"}
    moved = rpc.update(IDENTITY, known, inputs, {**inputs, "api": elsewhere})
    assert parts_of(moved).server == f"{api.endpoint}/"
    assert moved["userName"] == FIRST


@pytest.mark.parametrize("key", ["name", "clusterName"])
def test_another_name_is_another_identity(rpc: Rpc, inputs: Inputs, key: str) -> None:
    diff = rpc.diff(IDENTITY, inputs, {**inputs, key: "other"})

    assert list(diff.replaces) == [key]


def test_in_two_thirds_of_its_life_nothing_is_expired(
    rpc: Rpc, clock: AheadClock, inputs: Inputs
) -> None:
    _, known = rpc.create(IDENTITY, inputs)
    clock.days = 59

    diff = rpc.diff(IDENTITY, inputs, inputs, known)

    assert diff.changes == diff.DIFF_NONE
    assert kinds_of(diff) == {}


@pytest.mark.parametrize("days", [61, 89, 400])
def test_in_the_last_third_of_its_life_the_diff_shows_recomputed_outputs(
    rpc: Rpc, clock: AheadClock, inputs: Inputs, days: int
) -> None:
    _, known = rpc.create(IDENTITY, inputs)
    clock.days = days

    diff = rpc.diff(IDENTITY, inputs, inputs, known)
    preview = rpc.update(IDENTITY, known, inputs, inputs, preview=True)

    aged = ["expiresAt", "issuedAt", "kubeconfig", "previousUserName", "userName"]
    assert diff.changes == diff.DIFF_SOME
    assert list(diff.diffs) == aged
    assert list(diff.replaces) == []
    assert kinds_of(diff) == dict.fromkeys(aged, "UPDATE of an output")
    assert {key for key in preview if unwrap_secrets(preview[key]) is UNKNOWN} == set(aged)
    assert preview["rbacStatus"] == "in sync"


def test_a_renewal_issues_another_user_and_keeps_the_previous_ones_permissions(
    rpc: Rpc, api: FakeApi, clock: AheadClock, inputs: Inputs
) -> None:
    _, known = rpc.create(IDENTITY, inputs)
    clock.days = 61

    renewed = rpc.update(IDENTITY, known, inputs, inputs)

    assert (renewed["userName"], renewed["previousUserName"]) == (SECOND, FIRST)
    assert api.objects.users_of("ci") == {BINDING: [SECOND, FIRST], READS: [SECOND, FIRST]}
    assert user_of(parts_of(renewed).client_certificate) == [("user", SECOND)]


def test_the_user_before_is_kept_until_the_next_renewal_and_not_through_a_rotation(
    rpc: Rpc, api: FakeApi, clock: AheadClock, inputs: Inputs
) -> None:
    _, known = rpc.create(IDENTITY, inputs)
    clock.days = 61
    renewed = rpc.update(IDENTITY, known, inputs, inputs)
    clock.days = 0
    wider = {**inputs, "namespaces": ["shop", "default"]}
    kept = rpc.update(IDENTITY, renewed, inputs, wider)
    assert api.objects.users_of("ci")[BINDING] == [SECOND, FIRST]
    clock.days = 61
    again = rpc.update(IDENTITY, kept, wider, wider)
    assert api.objects.users_of("ci")[BINDING] == [THIRD, SECOND]

    rpc.update(IDENTITY, again, wider, {**wider, "generation": 2})

    users = set(map(tuple, api.objects.users_of("ci").values()))
    assert users == {("k3s-aws:demo:ci:00000004",)}
