"""The rejection of a change to a server whose datastore is on its root volume."""

from __future__ import annotations

from cluster.errors import Kind, Problem


def problem(path: str, what: str) -> Problem:
    """`what` the change is; later releases keep the datastore on a volume of its own."""
    return Problem(
        path,
        f"{what}, while the datastore is on the root volume, where the release of the last update "
        "has put it",
        "run pulumi up without this change first, which moves the datastore to its own volume",
        Kind.OLDER_RELEASE,
    )
