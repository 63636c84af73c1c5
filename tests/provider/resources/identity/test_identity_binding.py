"""An Identity's rights: bound to its user, moved, found again by a refresh, removed."""

from __future__ import annotations

import socket

import pytest
import yaml

from provider.kubernetes.drain import RETRY_SECONDS
from provider.protocol.values import UNKNOWN, unwrap_secrets
from tests.provider.fake_api import FakeApi
from tests.provider.fake_objects import RBAC
from tests.provider.resources.identity.parts import (
    BINDING,
    FIRST,
    IDENTITY,
    READS,
    READS_ROLE,
    Inputs,
    kinds_of,
    parts_of,
)
from tests.provider.rpc import AheadClock, Failed, Rpc


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
