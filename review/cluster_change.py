"""The cluster before and after a preview: its records, the plan, and what happens to each node."""

from __future__ import annotations

from dataclasses import dataclass

from cluster import record_json
from cluster.changes import Plan, plan_changes
from cluster.record import OUTPUT, Record
from cluster.record_json import UnreadableRecord
from review import nodes
from review.nodes import NodeRow
from review.preview import Preview


@dataclass(frozen=True, kw_only=True)
class ClusterChange:
    """What plan_changes has of a preview, and the rows of the table. No `before`: it is new."""

    before: Record | None
    after: Record
    plan: Plan
    rows: tuple[NodeRow, ...]


def of(preview: Preview) -> ClusterChange | None:
    """
    The change; None where the preview has none, as one of a stack that is destroyed.

    Raises UnreadableRecord.
    """
    old, new = (each.get(OUTPUT) for each in (preview.outputs_before, preview.outputs_after))
    if new is None or not preview.is_complete:
        return None
    before, after = None if old is None else record_json.parse(old), record_json.parse(new)
    plan = plan_changes(before, after)
    return ClusterChange(
        before=before,
        after=after,
        plan=plan,
        rows=nodes.rows(preview, plan, before, after),
    )


__all__ = ["ClusterChange", "UnreadableRecord", "of"]
