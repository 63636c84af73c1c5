"""
What a reviewer has to see first, the worst first.

Each is a fact of the plan, of the records before and after, or of the engine's steps. The order of
`Rank` is the order in a comment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final

from cluster.errors import Kind
from review import expiry, identities, ingress, markup
from review.cluster_change import ClusterChange
from review.markup import Html
from review.nodes import Fate
from review.preview import REPLACE, Preview

VOLUME: Final = "aws:ebs/volume:Volume"
_POLICIES: Final = (
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
)
# Those take rights from other machines, and follow from which machines there are.
_DENIES: Final = "-deny-parameters"


class Rank(IntEnum):
    """How bad it is, the worst first."""

    DATA_LOSS = 0
    QUORUM = 1
    OPENED = 2
    SERVER = 3
    ACCESS = 4
    SPOT = 5
    EXPIRY = 6
    PROTECTION = 7
    NODE = 8
    WARNING = 9


@dataclass(frozen=True)
class Danger:
    """One fact, as a sentence."""

    rank: Rank
    text: Html


def of(preview: Preview, change: ClusterChange | None, now: datetime) -> tuple[Danger, ...]:
    """Every danger of a preview; `change` is None where there is no plan."""
    found = [*_of_volumes(preview), *_of_openings(preview), *_of_rights(preview)]
    found += [Danger(Rank.EXPIRY, each) for each in expiry.dangers(preview, now)]
    if change is not None:
        found += [
            Danger(Rank.EXPIRY, each) for each in expiry.shortened(change.before, change.after)
        ]
        found += [*_of_plan(change), *_of_nodes(change), *_of_keys(change), *_of_spot(change)]
    return tuple(sorted(dict.fromkeys(found), key=lambda each: each.rank))


def _of_volumes(preview: Preview) -> Iterator[Danger]:
    for steps, op, what in (
        (preview.steps, "delete", "deletes"),
        (preview.steps, REPLACE, "puts empty ones in the place of"),
        (preview.old_copies, "delete", "deletes the old copy of"),
    ):
        names = sorted(s.name for s in steps if s.type == VOLUME and s.op == op)
        if names:
            parts = markup.listed(map(markup.code, names))
            noun, has = ("data volume", "has") if len(names) == 1 else ("data volumes", "have")
            fact = f"which {has} the datastore"
            if steps is preview.old_copies:
                fact = "left by an update that did not end"
            yield Danger(Rank.DATA_LOSS, Html(f"{what} {noun} {parts}{markup.words(f', {fact}')}"))


def _of_openings(preview: Preview) -> Iterator[Danger]:
    opened = [each for each in ingress.opened(preview) if not each.is_inside]
    if not _exists(preview):
        # Everything of a new cluster is opened; who reaches it is in its own paragraph.
        opened = [each for each in opened if each.is_everyone]
    for what, sources in ingress.by_ports(opened).items():
        everyone = any(each in ingress.ALL for each in sources)
        parts = markup.listed(markup.code(each) for each in sources)
        note = " <strong>(everyone)</strong>" if everyone else ""
        yield Danger(Rank.OPENED, Html(f"opens {markup.words(what)} to {parts}{note}"))


def _exists(preview: Preview) -> bool:
    return bool(preview.outputs_before) or any(step.old is not None for step in preview.steps)


def _of_rights(preview: Preview) -> Iterator[Danger]:
    for text in identities.widened(preview):
        yield Danger(Rank.ACCESS, text)
    names = sorted(
        s.name
        for s in preview.steps
        if s.type in _POLICIES and s.op in ("update", REPLACE) and not s.name.endswith(_DENIES)
    )
    if names:
        parts = markup.listed(markup.code(each) for each in names)
        yield Danger(Rank.PROTECTION, Html(f"changes IAM policies of the machines: {parts}"))


def _of_plan(change: ClusterChange) -> Iterator[Danger]:
    for problem in (*change.plan.rejections, *change.plan.consequences):
        rank = {Kind.DATA_LOSS: Rank.DATA_LOSS, Kind.QUORUM: Rank.QUORUM}.get(
            problem.kind, Rank.WARNING
        )
        yield Danger(rank, Html(f"{markup.code(problem.path)}: {markup.code(problem.what)}"))


def _of_nodes(change: ClusterChange) -> Iterator[Danger]:
    for fate, verb in ((Fate.DELETED, "deletes"), (Fate.REPLACED, "replaces")):
        rows = [row for row in change.rows if row.role == "server" and row.fate == fate]
        if not rows:
            continue
        parts = markup.listed(markup.code(row.name) for row in rows)
        servers = sum(row.role == "server" and row.fate != Fate.CREATED for row in change.rows)
        note = _of_quorum(len(rows), servers, fate)
        yield Danger(Rank.SERVER, Html(f"{verb} {parts}{markup.words(note)}"))
    unexpected = [row for row in change.rows if row.by_engine and row.fate >= Fate.REPLACED]
    if unexpected:
        parts = markup.listed(markup.code(row.name) for row in unexpected)
        text = markup.words(", for which the configuration is not the reason: drift, or another "
                            "release of the program")  # fmt: skip
        yield Danger(Rank.NODE, Html(f"replaces {parts}{text}"))


def _of_quorum(number: int, servers: int, fate: Fate) -> str:
    if servers == 1:
        return ": the only server, so the API is away until it is back"
    if fate == Fate.DELETED:
        return f": of {servers} servers, whose majority has to stay"
    return f": one at a time, so {servers - 1} of {servers} servers hold the quorum meanwhile"


def _of_keys(change: ClusterChange) -> Iterator[Danger]:
    """Keys whose new value protects less."""
    values = {**change.after.node_keys, **change.after.other_keys, **change.after.servers.keys}
    before = change.before
    previous = {**before.node_keys, **before.other_keys, **before.servers.keys} if before else {}
    for key, (value, text) in _LESS_PROTECTED.items():
        if values.get(key, False) == value and previous.get(key, False) != value:
            if before is None and key in _BY_DEFAULT:
                continue
            yield Danger(Rank.PROTECTION, Html(f"{markup.code(key)}: {markup.words(text)}"))
    if any(key.startswith("cluster.backup.") for key in previous) and not any(
        key.startswith("cluster.backup.") for key in values
    ):
        yield Danger(
            Rank.PROTECTION,
            Html(f"{markup.code('cluster.backup')}: {markup.words('no snapshots any more')}"),
        )


# The value that protects less, and what it is. A key that is not recorded is false.
_LESS_PROTECTED: Final = {
    "cluster.allowDataLoss": (True, "this update may lose the datastore"),
    "cluster.adminKubeconfig": (True, "the administrator's kubeconfig becomes an output"),
    "cluster.network.publicAddresses": (True, "the machines get public addresses"),
    "cluster.k3s.secretsEncryption": (False, "Secrets are stored in plain text"),
}


# What a new cluster has unless its configuration says otherwise.
_BY_DEFAULT: Final = ("cluster.network.publicAddresses",)


def _of_spot(change: ClusterChange) -> Iterator[Danger]:
    before = {pool.name: pool for pool in change.before.pools} if change.before else {}
    for pool in change.after.pools:
        old = before.get(pool.name)
        if pool.own("spot") and not (old and old.own("spot")):
            text = markup.words(" become spot instances: AWS may end them with two minutes' notice")
            yield Danger(Rank.SPOT, Html(f"machines of {markup.code(pool.name)}{text}"))
