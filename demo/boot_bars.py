"""How the cluster's machines booted, as bars in the terminal."""

from __future__ import annotations

from rich.console import Console

from localcloud.workbench.stack import Stack
from timeline import rows, terminal


def text(stack: Stack) -> str:
    """As wide as the terminal, in colors where it is one."""
    return terminal.bars(rows.starts(stack.output("bootReport")), Console())
