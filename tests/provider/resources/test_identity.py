"""An Identity: a certificate the cluster signs, rights bound to its user, and their ageing."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
import yaml
from pulumi.runtime.proto import provider_pb2

from cluster import kubeconfig
from provider.kubernetes.drain import RETRY_SECONDS
from provider.protocol.values import UNKNOWN, Secret, unwrap_secrets
from tests.provider.fake_api import FakeApi
from tests.provider.fake_objects import RBAC, REQUESTS, user_of
from tests.provider.rpc import AheadClock, Failed, Rpc

IDENTITY = "k3s:index:Identity"
BINDING = "/namespaces/shop/rolebindings/k3s-aws:ci"
READS = "/clusterrolebindings/k3s-aws:ci:reads"
READS_ROLE = "/clusterroles/k3s-aws:ci:reads"
FIRST, SECOND, THIRD = (f"k3s-aws:demo:ci:0000000{number}" for number in (1, 2, 3))
PROOF = "GET /readyz"
Inputs = dict[str, Any]


@pytest.fixture
def clock() -> AheadClock:
    return AheadClock()


@pytest.fixture
def rpc(clock: AheadClock) -> Iterator[Rpc]:
    numbers = itertools.count(1)
    running = Rpc(clock, random_hex=lambda count: f"{next(numbers):0{2 * count}x}")
    yield running
    running.close()


@pytest.fixture
def inputs(api_inputs: Inputs) -> Inputs:
    return {
        "api": api_inputs,
        "datastoreId": "0123456789abcdef",
        "clusterName": "demo",
        "name": "ci",
        "clusterRole": "edit",
        "namespaces": ["shop"],
        "clusterReads": ["nodes", "namespaces"],
        "expiryDays": 90,
        "generation": 1,
        "deadlineSeconds": 600,
    }


def parts_of(outputs: Mapping[str, Any]) -> kubeconfig.Parts:
    return kubeconfig.parse(outputs["kubeconfig"].value)


def kinds_of(diff: Any) -> dict[str, str]:
    kind = provider_pb2.PropertyDiff.Kind
    return {
        path: kind.Name(each.kind) + ("" if each.inputDiff else " of an output")
        for path, each in diff.detailedDiff.items()
    }


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


def test_rights_are_bound_to_the_user_in_the_namespaces_which_are_made(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    rpc.create(IDENTITY, {**inputs, "namespaces": ["shop", "default"]})

    assert sorted(api.objects.of("ci")) == [
        READS,
        READS_ROLE,
        "/namespaces/default/rolebindings/k3s-aws:ci",
        BINDING,
    ]
    assert set(map(tuple, api.objects.users_of("ci").values())) == {(FIRST,)}
    assert api.objects.of("ci")[BINDING]["roleRef"]["name"] == "edit"
    assert api.objects.of("ci")[READS_ROLE]["rules"] == [
        {"apiGroups": [""], "resources": ["nodes", "namespaces"], "verbs": ["get", "list", "watch"]}
    ]
    assert "/api/v1/namespaces/shop" in api.objects.by_path


LEVEL = "pod-security.kubernetes.io/enforce"


def level_of(api: FakeApi, namespace: str = "shop") -> str | None:
    """The Pod Security label of a namespace."""
    found = api.objects.by_path[f"/api/v1/namespaces/{namespace}"]["metadata"]
    level: str | None = found.get("labels", {}).get(LEVEL)
    return level


def exists(api: FakeApi, namespace: str, **labels: str) -> None:
    """A namespace that somebody else made."""
    path = f"/api/v1/namespaces/{namespace}"
    api.objects.by_path[path] = {"metadata": {"name": namespace, "labels": labels}}


@pytest.mark.parametrize("role", ["edit", "view", "own"])
def test_a_namespace_that_is_made_enforces_the_baseline(
    rpc: Rpc, api: FakeApi, inputs: Inputs, role: str
) -> None:
    api.objects.by_path[f"{RBAC}/clusterroles/own"] = {"metadata": {"name": "own"}}
    rpc.create(IDENTITY, {**inputs, "clusterRole": role})
    assert level_of(api) == "baseline"


def test_a_namespace_that_exists_enforces_it_from_then_on(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    exists(api, "shop", team="a")
    rpc.create(IDENTITY, {**inputs, "namespaces": ["shop", "default"]})
    assert (level_of(api), level_of(api, "default")) == ("baseline", "baseline")
    assert api.objects.by_path["/api/v1/namespaces/shop"]["metadata"]["labels"]["team"] == "a"


@pytest.mark.parametrize(
    ("given", "present", "wanted"),
    [
        ("baseline", "privileged", "baseline"),
        ("baseline", "restricted", "restricted"),
        ("baseline", "no such level", "baseline"),
        ("restricted", "baseline", "restricted"),
        ("privileged", None, None),
        ("privileged", "baseline", "baseline"),
    ],
)
def test_a_stricter_label_of_somebody_else_is_kept(
    rpc: Rpc, api: FakeApi, inputs: Inputs, given: str, present: str | None, wanted: str | None
) -> None:
    exists(api, "shop", **({LEVEL: present} if present else {}))
    rpc.create(IDENTITY, {**inputs, "podSecurity": given})
    assert level_of(api) == wanted


def test_the_namespace_of_kubernetes_and_those_of_who_only_reads_keep_their_labels(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    exists(api, "kube-system")
    exists(api, "monitoring")
    rpc.create(IDENTITY, {**inputs, "namespaces": ["kube-system"]})
    rpc.create(IDENTITY, {**inputs, "clusterRole": "view", "namespaces": ["monitoring"]})
    assert (level_of(api, "kube-system"), level_of(api, "monitoring")) == (None, None)


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("baseline", "privileged", None),
        ("baseline", "restricted", "restricted"),
        ("restricted", "baseline", "baseline"),
        ("privileged", "baseline", "baseline"),
    ],
)
def test_another_level_replaces_the_label_that_the_program_set(
    rpc: Rpc, api: FakeApi, inputs: Inputs, before: str, after: str, wanted: str | None
) -> None:
    old, new = ({**inputs, "podSecurity": each} for each in (before, after))
    _, known = rpc.create(IDENTITY, old)
    assert set(kinds_of(rpc.diff(IDENTITY, old, new, known))) == {"podSecurity"}
    again = rpc.update(IDENTITY, known, old, new)
    assert level_of(api) == wanted
    assert again["kubeconfig"] == known["kubeconfig"]


def test_an_identity_of_an_older_program_sets_the_label_in_place(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    _, known = rpc.create(IDENTITY, inputs)
    exists(api, "shop")
    new = {**inputs, "podSecurity": "baseline"}
    assert kinds_of(rpc.diff(IDENTITY, inputs, new, known)) == {"podSecurity": "ADD"}
    rpc.update(IDENTITY, known, inputs, new)
    assert level_of(api) == "baseline"


def test_a_label_that_somebody_removed_is_drift_and_set_again(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    _, known = rpc.create(IDENTITY, inputs)
    exists(api, "shop")
    found = rpc.read(IDENTITY, known, inputs)
    assert found is not None
    assert found["rbacStatus"] == f"out of sync: label {LEVEL} of Namespace shop"
    rpc.update(IDENTITY, found, inputs, inputs)
    assert level_of(api) == "baseline"
    assert (rpc.read(IDENTITY, known, inputs) or {})["rbacStatus"] == "in sync"


def test_without_namespaces_the_role_holds_in_the_whole_cluster(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    whole = {**inputs, "clusterRole": "view", "namespaces": [], "clusterReads": []}

    _, outputs = rpc.create(IDENTITY, whole)

    assert list(api.objects.of("ci")) == ["/clusterrolebindings/k3s-aws:ci"]
    content = yaml.safe_load(outputs["kubeconfig"].value)
    assert "namespace" not in content["contexts"][0]["context"]


def test_a_role_that_comes_a_moment_later_is_waited_for(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    def come(calls: int) -> None:
        if api.calls.count(f"GET {RBAC}/clusterroles/own") == 3:
            api.objects.by_path[f"{RBAC}/clusterroles/own"] = {"metadata": {"name": "own"}}

    api.before_answer = come
    rpc.create(IDENTITY, {**inputs, "clusterRole": "own"})

    assert 'the cluster has no ClusterRole "own"' in rpc.reported.progress_lines


def test_a_role_that_does_not_come_is_an_error_that_names_it(
    rpc: Rpc, inputs: Inputs, api: FakeApi
) -> None:
    with pytest.raises(Failed) as caught:
        rpc.create(IDENTITY, {**inputs, "clusterRole": "own"})

    assert caught.value.code == "FAILED_PRECONDITION"
    assert caught.value.text == (
        'the cluster has no ClusterRole "own"\n'
        "    correct its name, or create it in a manifest (cluster.manifests)"
    )
    assert api.objects.of("ci") == {}


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


def test_a_server_whose_cluster_is_empty_gets_the_rights_of_the_same_user(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    _, known = rpc.create(IDENTITY, inputs)
    del api.objects.by_path["/api/v1/namespaces/shop"]
    for path in api.objects.of("ci"):
        del api.objects.by_path[f"{RBAC}{path}"]

    again = rpc.update(IDENTITY, known, inputs, {**inputs, "datastoreId": "other"})

    assert unwrap_secrets(again) == {**unwrap_secrets(known), "datastoreId": "other"}
    assert api.objects.users_of("ci") == {BINDING: [FIRST], READS: [FIRST]}
    assert len(api.objects.requests) == 1


def test_another_namespace_moves_the_permissions_and_keeps_the_user(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    _, known = rpc.create(IDENTITY, inputs)

    moved = rpc.update(IDENTITY, known, inputs, {**inputs, "namespaces": ["default"]})

    place = "/namespaces/default/rolebindings/k3s-aws:ci"
    assert api.objects.users_of("ci") == {place: [FIRST], READS: [FIRST]}
    assert "/api/v1/namespaces/shop" in api.objects.by_path
    assert moved["userName"] == FIRST
    assert "namespace: default" in moved["kubeconfig"].value
    assert parts_of(moved).client_key == parts_of(known).client_key


def test_rights_that_are_too_many_go_before_others_come(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    """Cut off in between, an identity has too few rights and never too many."""
    _, known = rpc.create(IDENTITY, inputs)
    begin = len(api.calls)

    rpc.update(IDENTITY, known, inputs, {**inputs, "namespaces": ["default"]})

    assert [call for call in api.calls[begin:] if not call.startswith("GET")] == [
        f"DELETE {RBAC}{BINDING}",
        # Its level of pod security, before anybody may start a pod in it.
        "PATCH /api/v1/namespaces/default",
        f"PUT {RBAC}/namespaces/default/rolebindings/k3s-aws:ci",
    ]


def test_rights_that_a_failed_change_moved_go_back_with_it(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    _, known = rpc.create(IDENTITY, inputs)
    before = api.objects.users_of("ci")
    ending = {"metadata": {"name": "ending"}, "status": {"phase": "Terminating"}}
    api.objects.by_path["/api/v1/namespaces/ending"] = ending

    after = {**inputs, "namespaces": ["default", "ending"], "deadlineSeconds": 10}
    with pytest.raises(Failed) as caught:
        rpc.update(IDENTITY, known, inputs, after)
    assert api.objects.users_of("ci") != before
    assert caught.value.left is not None
    rpc.update(IDENTITY, caught.value.left, inputs, inputs)

    assert api.objects.users_of("ci") == before


def test_a_namespace_that_is_being_deleted_is_waited_for(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    path = "/api/v1/namespaces/shop"
    ending = {"metadata": {"name": "shop"}, "status": {"phase": "Terminating"}}
    api.objects.by_path[path] = ending

    def end(calls: int) -> None:
        if api.calls[-1] == f"GET {path}" and api.calls.count(f"GET {path}") == 3:
            del api.objects.by_path[path]

    api.before_answer = end
    rpc.create(IDENTITY, inputs)

    assert api.objects.by_path[path] != ending
    assert 'namespace "shop" is being deleted' in rpc.reported.progress_lines


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


def test_a_refresh_of_what_is_bound_changes_nothing(rpc: Rpc, api: FakeApi, inputs: Inputs) -> None:
    _, known = rpc.create(IDENTITY, inputs)

    assert rpc.read(IDENTITY, known, inputs) == known
    assert not [call for call in api.calls[-3:] if not call.startswith("GET")]


def test_bindings_that_are_gone_or_changed_are_seen_by_a_refresh_and_put_back(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    _, known = rpc.create(IDENTITY, inputs)
    del api.objects.by_path[f"{RBAC}{BINDING}"]
    api.objects.of("ci")[READS]["subjects"].append({"kind": "User", "name": "mallory"})
    wide = f"{RBAC}/clusterrolebindings/k3s-aws:ci"
    api.objects.by_path[wide] = {**api.objects.of("ci")[READS], "metadata": {"name": "k3s-aws:ci"}}
    api.objects.by_path[wide]["metadata"]["labels"] = api.objects.of("ci")[READS]["metadata"][
        "labels"
    ]

    read = rpc.read(IDENTITY, known, inputs)

    assert read is not None
    assert read == {
        **known,
        "rbacStatus": "out of sync: ClusterRoleBinding k3s-aws:ci, "
        "ClusterRoleBinding k3s-aws:ci:reads, RoleBinding k3s-aws:ci in shop",
    }
    diff = rpc.diff(IDENTITY, inputs, inputs, read)
    assert kinds_of(diff) == {"rbacStatus": "UPDATE of an output"}
    preview = rpc.update(IDENTITY, read, inputs, inputs, preview=True)
    assert preview["rbacStatus"] is UNKNOWN

    assert rpc.update(IDENTITY, read, inputs, inputs) == known
    assert api.objects.users_of("ci") == {BINDING: [FIRST], READS: [FIRST]}
    assert len(api.objects.requests) == 1


@pytest.mark.parametrize(
    ("path", "change", "difference"),
    [
        (
            READS_ROLE,
            {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]},
            "ClusterRole k3s-aws:ci:reads",
        ),
        (
            READS_ROLE,
            {"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"theirs": "yes"}}]}},
            "ClusterRole k3s-aws:ci:reads",
        ),
        (
            BINDING,
            {
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": "admin",
                }
            },
            "RoleBinding k3s-aws:ci in shop",
        ),
    ],
    ids=["rules", "aggregationRule", "roleRef"],
)
def test_what_gives_more_rights_under_our_label_is_seen_by_a_refresh_and_put_back(
    rpc: Rpc, api: FakeApi, inputs: Inputs, path: str, change: Inputs, difference: str
) -> None:
    _, known = rpc.create(IDENTITY, inputs)
    before = api.objects.of("ci")
    api.objects.by_path[f"{RBAC}{path}"] = {**before[path], **change}

    read = rpc.read(IDENTITY, known, inputs)

    assert read == {**known, "rbacStatus": f"out of sync: {difference}"}
    assert rpc.update(IDENTITY, read, inputs, inputs) == known
    assert api.objects.of("ci") == before


def test_a_binding_of_another_role_under_our_name_is_recreated(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    _, known = rpc.create(IDENTITY, inputs)
    api.objects.of("ci")[BINDING]["roleRef"]["name"] = "admin"
    # Without the label it is not found, only in the way.
    del api.objects.of("ci")[BINDING]["metadata"]["labels"]
    api.objects.by_path[f"{RBAC}{BINDING}"]["roleRef"]["name"] = "admin"

    rpc.update(IDENTITY, known, inputs, {**inputs, "datastoreId": "other"})

    assert api.objects.of("ci")[BINDING]["roleRef"]["name"] == "edit"


def test_objects_of_others_stay_whatever_label_they_carry(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    _, known = rpc.create(IDENTITY, inputs)
    labels = api.objects.of("ci")[READS]["metadata"]["labels"]
    untrusted = f"{RBAC}/clusterrolebindings/theirs"
    api.objects.by_path[untrusted] = {"metadata": {"name": "theirs", "labels": labels}}

    rpc.delete(IDENTITY, known)

    assert list(api.objects.of("ci")) == ["/clusterrolebindings/theirs"]


def test_a_refresh_while_the_api_is_away_changes_nothing(rpc: Rpc, inputs: Inputs) -> None:
    _, known = rpc.create(IDENTITY, inputs)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"https://127.0.0.1:{silent.getsockname()[1]}"
        away = {**known, "api": {**unwrap_secrets(known["api"]), "endpoint": endpoint}}
        read = rpc.read(IDENTITY, away, inputs)

    assert unwrap_secrets(read) == unwrap_secrets(away)
    assert rpc.reported.warnings == [
        'the RBAC objects of identity "ci" could not be read, its state stays as it was: '
        "no result after 5 s"
    ]


def test_a_deleted_identity_has_no_rights_and_its_namespaces_stay(
    rpc: Rpc, api: FakeApi, inputs: Inputs
) -> None:
    _, known = rpc.create(IDENTITY, inputs)

    rpc.delete(IDENTITY, known)

    assert api.objects.of("ci") == {}
    assert "/api/v1/namespaces/shop" in api.objects.by_path
    # What binds goes first.
    deleted = [call.split("/")[-2] for call in api.calls if call.startswith("DELETE")][1:]
    assert deleted == ["rolebindings", "clusterrolebindings", "clusterroles"]
    assert rpc.reported.warnings == []


def test_rights_that_lost_their_label_go_too(rpc: Rpc, api: FakeApi, inputs: Inputs) -> None:
    _, known = rpc.create(IDENTITY, inputs)
    del api.objects.of("ci")[BINDING]["metadata"]["labels"]
    _, other = rpc.create(IDENTITY, {**inputs, "name": "cd"})
    other_binding = BINDING.replace(":ci", ":cd")
    del api.objects.of("cd")[other_binding]["metadata"]["labels"]

    rpc.delete(IDENTITY, known)
    moved = {**inputs, "name": "cd", "namespaces": ["default"]}
    rpc.update(IDENTITY, other, {**inputs, "name": "cd"}, moved)

    assert f"{RBAC}{BINDING}" not in api.objects.by_path
    assert f"{RBAC}{other_binding}" not in api.objects.by_path


def test_deleting_twice_is_fine(rpc: Rpc, inputs: Inputs) -> None:
    _, known = rpc.create(IDENTITY, inputs)

    rpc.delete(IDENTITY, known)
    rpc.delete(IDENTITY, known)

    assert rpc.reported.warnings == []


def test_deleting_without_an_api_succeeds_and_warns_of_what_is_left(
    rpc: Rpc, inputs: Inputs
) -> None:
    _, known = rpc.create(IDENTITY, inputs)
    with socket.socket() as gone:
        gone.bind(("127.0.0.1", 0))  # nobody else gets the port, and nobody answers there
        endpoint = f"https://127.0.0.1:{gone.getsockname()[1]}"
        rpc.delete(
            IDENTITY, {**known, "api": {**unwrap_secrets(known["api"]), "endpoint": endpoint}}
        )

    assert rpc.reported.warnings == [
        'the RBAC objects of identity "ci" are left behind: the API cannot be reached\n'
        f"    if the cluster still exists, the kubeconfig works until {known['expiresAt']}; to "
        "revoke it: kubectl delete clusterrolebindings,rolebindings,clusterroles -A -l "
        "k3s-aws/identity=ci"
    ]


def test_an_api_that_never_responds_is_not_waited_for_until_the_deadline(
    rpc: Rpc, clock: AheadClock, inputs: Inputs
) -> None:
    """A destroy must not be held up by a cluster that is away."""
    _, known = rpc.create(IDENTITY, inputs)
    begin = clock.monotonic()

    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"https://127.0.0.1:{silent.getsockname()[1]}"
        rpc.delete(
            IDENTITY, {**known, "api": {**unwrap_secrets(known["api"]), "endpoint": endpoint}}
        )

    assert clock.monotonic() - begin == pytest.approx(RETRY_SECONDS, abs=0.5)
    (warning,) = rpc.reported.warnings
    assert warning.startswith(
        'the RBAC objects of identity "ci" are left behind: the API does not respond in time\n'
    )


def test_two_identities_do_not_touch_each_other(rpc: Rpc, api: FakeApi, inputs: Inputs) -> None:
    _, ci = rpc.create(IDENTITY, inputs)
    rpc.create(IDENTITY, {**inputs, "name": "cd"})

    rpc.delete(IDENTITY, ci)

    assert api.objects.of("ci") == {}
    assert len(api.objects.of("cd")) == 3


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
