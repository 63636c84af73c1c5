"""Every rule of the pack, in the order of docs/policy.md."""

from __future__ import annotations

from k3s_policy import access, images, machines, network, ownership, user_data
from k3s_policy.rule import Rule

RULES: tuple[Rule, ...] = (
    *network.RULES,
    *machines.RULES,
    *user_data.RULES,
    *images.RULES,
    *access.RULES,
    *ownership.RULES,
)
