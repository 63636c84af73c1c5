"""What an identity may do afterwards and not before, and Pod Security that is relaxed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from review import markup
from review.markup import Html
from review.preview import Preview

IDENTITY: Final = "k3s:index:Identity"
# https://kubernetes.io/docs/concepts/security/pod-security-standards/
_LEVELS: Final = ("restricted", "baseline", "privileged")
# https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles
_ROLES: Final = ("view", "edit", "admin", "cluster-admin")


def widened(preview: Preview) -> Iterator[Html]:
    """A sentence for each right that an identity gains, of those that exist and of new ones."""
    for step in preview.steps:
        if step.type != IDENTITY or step.new is None:
            continue
        name = markup.code(step.new.get("name", step.name))
        if step.old is None:
            if preview.outputs_before:
                yield Html(f"a new identity, {name}: {_rights(step.new)}")
            continue
        yield from (Html(f"identity {name}: {each}") for each in _gained(step.old, step.new))


def _rights(identity: Mapping[str, Any]) -> Html:
    namespaces = _names(identity.get("namespaces"))
    places = markup.listed(map(markup.code, namespaces)) if namespaces else "every namespace"
    return Html(f"{markup.code(identity.get('clusterRole'))} in {places}")


def _gained(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Html]:
    roles = old.get("clusterRole"), new.get("clusterRole")
    if _is_more(_ROLES, *roles):
        yield _change("may do more: its role was", *roles)
    yield from _gained_places(_names(old.get("namespaces")), _names(new.get("namespaces")))
    reads = sorted(set(_names(new.get("clusterReads"))) - set(_names(old.get("clusterReads"))))
    if reads:
        yield Html(f"reads more of the cluster: {markup.listed(map(markup.code, reads))}")
    levels = old.get("podSecurity"), new.get("podSecurity")
    if _is_more(_LEVELS, *levels):
        yield _change("Pod Security is relaxed: it was", *levels)
    days = old.get("expiryDays"), new.get("expiryDays")
    if isinstance(days[0], int) and isinstance(days[1], int) and days[1] > days[0]:
        yield _change("its kubeconfig is valid for longer, in days: it was", *days)


def _gained_places(old: list[str], new: list[str]) -> Iterator[Html]:
    # None is every namespace.
    if old and not new:
        yield Html("may act in every namespace")
    elif more := sorted(set(new) - set(old)) if old else []:
        yield Html(f"may act in more namespaces: {markup.listed(map(markup.code, more))}")


def _is_more(order: tuple[str, ...], old: Any, new: Any) -> bool:
    """Whether it is later in the order; what is not in it may be anything."""
    if old == new:
        return False
    return new not in order or old not in order or order.index(new) > order.index(old)


def _change(what: str, old: Any, new: Any) -> Html:
    return Html(f"{markup.words(what)} {markup.code(old)} and becomes {markup.code(new)}")


def _names(found: Any) -> list[str]:
    return [str(each) for each in found] if isinstance(found, list) else []
