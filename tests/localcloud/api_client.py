"""The client that counts what an event costs, and the line about it in the summary of the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localcloud.workbench import api_client
from localcloud.workbench.api_client import Seen
from tests.conftest import MEASURED


@contextmanager
def counting(kubeconfig: Path, event: str) -> Iterator[Seen]:
    """The client during an event; what it saw is printed where the event did not fail."""
    with api_client.counting(kubeconfig) as seen:
        yield seen
    print(f"{MEASURED}{event}: {seen}")
