"""The comments that the recorded previews in tests/golden/review/ render to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from review import comment, drift, event_log
from review.preview import Preview
from tests.golden.preview_logs import FOLDER

NOW = datetime(2026, 12, 1, tzinfo=UTC)
STACK = "prod"
RUN = "https://github.com/shop/cluster/actions/runs/1"
DRIFT = "drift"
SEVERAL = "several-stacks"
TOGETHER = {"dev": "nothing", "staging": "failed", "prod": "api-opened"}
"""The stacks of one comment, and the recording of each."""


def logs() -> list[Path]:
    return sorted(FOLDER.glob("*.jsonl"))


def read(name: str) -> Preview:
    """A recorded preview, by its name."""
    return event_log.read(FOLDER / f"{name}.jsonl")


def rendered(name: str) -> str:
    """The comment of one recording."""
    preview = read(name)
    if name == DRIFT:
        return drift.render([(STACK, preview)], RUN)
    return _comment([(STACK, preview)])


def _comment(previews: Sequence[tuple[str | None, Preview | str]]) -> str:
    return comment.render(previews, NOW, RUN)


def render() -> dict[str, str]:
    """The folder: the recordings as they are, and what follows from them."""
    names = [file.stem for file in logs()]
    several = _comment([(stack, read(name)) for stack, name in TOGETHER.items()])
    return {
        **{file.name: file.read_text() for file in logs()},
        **{f"{name}.md": rendered(name) for name in names},
        f"{SEVERAL}.md": several,
        f"{DRIFT}.txt": drift.text([(STACK, read(DRIFT))]),
    }
