"""From the start of the first machine to every node Ready: by hand, and by the program."""

from __future__ import annotations

import json
import signal
import time
from collections import defaultdict
from collections.abc import Iterator

from bench import by_hand, stack_cluster
from bench.environment import BenchEnvironment
from bench.figures import Comparison, Start
from bench.readiness import Watch
from bench.shape import Shape
from cluster import boot_report
from cluster.boot_report import BootReport
from localcloud.errors import LocalCloudError
from localcloud.machines.docker_client import connect

# Also of several servers: readiness is read from a server itself, which with a load balancer admits
# no other client.
ENDPOINT = {"type": "serverAddress"}


class StartUps:
    """Starts clusters of one shape one after the other and remembers how long each took."""

    def __init__(self, bench: BenchEnvironment, shape: Shape) -> None:
        self._bench, self._engine, self._shape = bench, connect(), shape
        self._by_hand: list[float] = []
        self._by_program: list[float] = []
        self._up_seconds: list[float] = []
        self._boot: dict[str, list[float]] = defaultdict(list)

    def repeat(self, count: int, *, leave: bool) -> Start:
        """Floor and program in turn; the last cluster of the program is destroyed unless left."""
        self._configure()
        for number in range(1, count + 1):
            self._bench.say(f"==> {self._shape.what}, {number} of {count}")
            seconds = by_hand.seconds(self._bench, self._engine, self._shape)
            self._by_hand.append(seconds)
            self._bench.say(f"    by hand      {seconds:6.2f} s")
            self.by_program(leave=leave and number == count)
        return Start(
            comparison=Comparison(
                what=self._shape.what,
                floor="the same k3s started by hand",
                floor_seconds=self._by_hand,
                program_seconds=self._by_program,
                goal=self._shape.goal,
            ),
            boot=self._boot,
            up_seconds=self._up_seconds,
        )

    def by_program(self, *, leave: bool) -> None:
        """The program's own `pulumi up`, on a stack that holds nothing; destroyed unless left."""
        program, began = self._bench.program, time.monotonic()
        run = program.start("up", "--yes", "--skip-preview", "--suppress-outputs")
        watch = Watch(self._engine, self._bench.cloud_id, self._shape.nodes)
        try:
            ready = watch.until_ready(lambda: run.poll() is None)
        except LocalCloudError:
            # Its own error has more; it need not wait for a deadline of its own.
            run.send_signal(signal.SIGINT)
            program.end(run, "up")
            raise
        except BaseException:
            run.kill()
            run.wait()
            raise
        program.end(run, "up")
        self._up_seconds.append(time.monotonic() - began)
        self._by_program.append(ready - watch.started)
        self._bench.say(f"    by program   {ready - watch.started:6.2f} s")
        self._take_apart(watch.started, ready)
        if not leave:
            program.seconds("destroy", "--yes", "--skip-preview")

    def _configure(self) -> None:
        program, shape = self._bench.program, self._shape
        stack_cluster.configure_servers(program, count=shape.servers)
        stack_cluster.configure_agents(program, count=shape.agents)
        stack_cluster.configure(program, endpoint=ENDPOINT)

    def _take_apart(self, started: float, ready: float) -> None:
        ended = started
        for name, report in _servers(
            self._bench.program.answer("stack", "output", "bootReport", "--json")
        ):
            began = report.phases[0].started_at.timestamp()
            self._boot[f"{name}: until the boot program begins"].append(began - started)
            for phase in report.phases:
                self._boot[f"{name}: {phase.name}"].append(phase.seconds or 0.0)
            ended = _end(report)
        self._boot["after it: all nodes Ready"].append(ready - ended)


def _servers(reports_json: str) -> Iterator[tuple[str, BootReport]]:
    """The report of the only server, or of the one that was done first and the one done last."""
    reports = json.loads(reports_json).values()
    servers = [json.dumps(each) for each in reports if each["role"] == "server"]
    in_order = sorted(map(boot_report.parse, servers), key=_end)
    if len(in_order) == 1:
        yield "server", in_order[0]
    else:
        yield "first server", in_order[0]
        yield "last server", in_order[-1]


def _end(report: BootReport) -> float:
    """When its last phase ended, in seconds since the epoch."""
    last = report.phases[-1]
    return last.started_at.timestamp() + (last.seconds or 0.0)
