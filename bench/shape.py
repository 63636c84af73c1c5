"""How many machines a measured cluster has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A cluster to start; `goal` is the highest ratio to its floor that is wanted."""

    what: str
    servers: int
    agents: int
    goal: float

    @property
    def nodes(self) -> int:
        """All machines."""
        return self.servers + self.agents


ONE_SERVER = Shape(what="start of 3 machines to all Ready", servers=1, agents=2, goal=1.5)
THREE_SERVERS = Shape(what="start of 3 servers, 3 agents", servers=3, agents=3, goal=1.25)
