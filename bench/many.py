"""What the preview of a large cluster costs: its time against plain resources, and its memory."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.environment import BenchEnvironment
from bench.figures import Comparison
from bench.programs import Program
from localcloud.workbench import stack_file
from localcloud.workbench.stack_config import CLUSTER

GOAL = 1.5
SAMPLE_SECONDS = 0.2
# Wide enough for a /24 for each of a thousand nodes.
CLUSTER_CIDR = "10.128.0.0/12"
# What a process is, by a word of its command line; the first that fits.
PARTS = {
    "k3s provider": "-m provider",
    "aws plugin": "aws_plugin",
    "program": "pulumi-language-python-exec",
    "engine": "pulumi preview",
}


def preview(bench: BenchEnvironment, agents: int, repeats: int) -> Comparison:
    """The first preview of one server and so many agents, against as many plain resources."""
    with stacks(bench, agents) as (ours, plain):
        count = _resources(ours.answer("preview", "--json"))
        plain.answer("config", "set", "resources", str(count))
        floor, program = [], []
        for _ in range(repeats):
            floor.append(plain.seconds("preview"))
            program.append(ours.seconds("preview"))
    bench.say(f"    {agents} agents previewed {repeats} times")
    return Comparison(
        what=f"first preview of 1 server, {agents} agents",
        floor=f"{count} plain resources",
        floor_seconds=floor,
        program_seconds=program,
        goal=GOAL,
    )


def memory(bench: BenchEnvironment, agents: int) -> Mapping[str, int]:
    """The most that each part of a preview of so many agents holds, in MiB."""
    with stacks(bench, agents) as (ours, _):
        run = ours.start("preview")
        with watched(run) as peaks:
            ours.end(run, "preview")
    bench.say(f"    memory of a preview of {agents} agents watched")
    return peaks


@contextmanager
def stacks(bench: BenchEnvironment, agents: int) -> Iterator[tuple[Program, Program]]:
    """A stack of the program with so many agents, and an empty one of the plain program."""
    # Where its file is left by a run that was killed, the next one finds it by its name.
    name = f"{bench.program.stack}-many{agents}"
    given = (bench.program, bench.plain)
    ours, plain = (dataclasses.replace(each, stack=name) for each in given)
    try:
        for like, each, described in zip(given, (ours, plain), (agents, None), strict=True):
            content = stack_file.read(like.config_file)
            stack_file.write(each.config_file, _sized(content, described))
            each.answer("stack", "select", "--create")
        yield ours, plain
    finally:
        for each in (ours, plain):
            each.answer("stack", "rm", "--yes", "--force")
            each.config_file.unlink(missing_ok=True)


def _sized(given: dict[str, Any], agents: int | None) -> dict[str, Any]:
    config = given["config"]
    if agents is not None:
        cluster = config[CLUSTER]
        pool = {**cluster["pools"][0], "count": agents}
        network = {**cluster["network"], "clusterCidr": CLUSTER_CIDR}
        config = {**config, CLUSTER: {**cluster, "pools": [pool], "network": network}}
    # Without the salt of the other stack: a passphrase makes a new one.
    return {"config": config}


def _resources(preview_json: str) -> int:
    """How many resources a preview would create, without the stack itself."""
    summary: dict[str, int] = json.loads(preview_json[preview_json.index("{") :])["changeSummary"]
    return summary["create"] - 1


@contextmanager
def watched(run: subprocess.Popen[bytes]) -> Iterator[dict[str, int]]:
    """The peak of each part below the process while the block lasts."""
    peaks: dict[str, int] = {}
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            for part, used in used_by_part(run.pid).items():
                peaks[part] = max(peaks.get(part, 0), used)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield peaks
    finally:
        ended.set()
        watching.join()


def used_by_part(root: int, proc: Path = Path("/proc")) -> dict[str, int]:
    """What each part holds now, in MiB of resident memory, over the process and all below it."""
    parents = dict(_parents(proc))
    found: dict[str, int] = {}
    for pid in parents:
        if _is_below(pid, root, parents):
            part, used = _part(proc / str(pid)), _resident(proc / str(pid))
            if part and used:
                found[part] = found.get(part, 0) + used
    return found


def _parents(proc: Path) -> Iterator[tuple[int, int]]:
    for folder in proc.glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
        except OSError:
            continue
        yield int(folder.name), int(stat.rpartition(")")[2].split()[1])


def _is_below(pid: int, root: int, parents: Mapping[int, int]) -> bool:
    while pid not in (root, 0):
        pid = parents.get(pid, 0)
    return pid == root


def _part(folder: Path) -> str | None:
    try:
        words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return None
    return next((part for part, word in PARTS.items() if word in words), None)


def _resident(folder: Path) -> int:
    try:
        lines = (folder / "status").read_text().splitlines()
    except OSError:
        return 0
    kib = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(kib[0]) >> 10 if kib else 0
