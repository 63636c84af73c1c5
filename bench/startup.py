"""From the start of the first machine to every node Ready: by hand, and by the program."""

from __future__ import annotations

import json
import secrets
import signal
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

from bench.environment import NODES, BenchEnvironment
from bench.readiness import Watch
from bench.results import Comparison
from cluster import boot_report
from localcloud.errors import LocalCloudError
from localcloud.instance.authority import Authority
from localcloud.instance.servers import METADATA
from localcloud.machines import MachineSpec
from localcloud.machines.docker_client import archive, connect

GOAL = 1.5
SUBNET = "10.63.0.0/24"
SERVER = "10.63.0.10"
LOG = "/var/log/by-hand.log"
# Not before its container is set up, and an agent not before the server listens.
BOOTED = "until [ -d /run/systemd/system ]; do sleep 0.05; done"
LISTENS = f"until (: </dev/tcp/{SERVER}/6443) 2>/dev/null; do sleep 0.05; done"


class StartUps:
    """Starts clusters one after the other and remembers how long each took."""

    def __init__(self, bench: BenchEnvironment) -> None:
        self._bench, self._engine = bench, connect()
        self._by_hand: list[float] = []
        self._by_program: list[float] = []
        self.up_seconds: list[float] = []
        self.boot: dict[str, list[float]] = defaultdict(list)

    @property
    def comparison(self) -> Comparison:
        """What was measured so far."""
        return Comparison(
            what=f"start of {NODES} machines to all Ready",
            floor="the same k3s started by hand",
            floor_seconds=self._by_hand,
            program_seconds=self._by_program,
            goal=GOAL,
        )

    def by_hand(self) -> None:
        """
        The floor: the same containers, k3s already in them, started by two commands.

        No metadata service, no cloud-init, no download, no report, nothing checked.
        """
        machines, token = self._bench.machines, secrets.token_hex(16)
        names = [f"machine-{index}" for index in range(NODES)]
        for index, name in enumerate(names):
            self._make(name, index)
        watch = Watch(self._engine, machines.cloud_id, NODES)
        listeners = []
        for name in names:
            machines.start(name)
            # The machine waits for the service to be there; nothing is requested from it.
            listeners.append(machines.listen(name, *METADATA))
            k3s = f"k3s server --token {token}"
            if name != names[0]:
                k3s = f"{LISTENS}; k3s agent --server https://{SERVER}:6443 --token {token}"
            machines.container(name).exec_run(
                ["bash", "-c", f"({BOOTED}; {k3s}) >{LOG} 2>&1"], detach=True
            )
        try:
            seconds = watch.until_ready() - watch.started
        except LocalCloudError as error:
            raise LocalCloudError(f"started by hand, {error}{self._last_lines(names)}") from None
        self._by_hand.append(seconds)
        self._bench.say(f"    by hand      {seconds:6.2f} s")
        for listener in listeners:
            listener.close()
        machines.remove_everything()

    def by_program(self, *, leave: bool) -> None:
        """The program's own `pulumi up`, on a stack that holds nothing; destroyed unless left."""
        program, began = self._bench.program, time.monotonic()
        run = program.start("up", "--yes", "--skip-preview", "--suppress-outputs")
        watch = Watch(self._engine, self._bench.cloud_id, NODES)
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
        self.up_seconds.append(time.monotonic() - began)
        self._by_program.append(ready - watch.started)
        self._bench.say(f"    by program   {ready - watch.started:6.2f} s")
        self._take_apart(watch.started, ready)
        if not leave:
            program.seconds("destroy", "--yes", "--skip-preview")

    def _take_apart(self, started: float, ready: float) -> None:
        reports = json.loads(self._bench.program.answer("stack", "output", "bootReport", "--json"))
        (server,) = (each for each in reports.values() if each["role"] == "server")
        report = boot_report.parse(json.dumps(server))
        began = report.phases[0].started_at.timestamp()
        self.boot["server: until the boot program begins"].append(began - started)
        for phase in report.phases:
            self.boot[f"server: {phase.name}"].append(phase.seconds or 0.0)
        last = report.phases[-1]
        ended = last.started_at.timestamp() + (last.seconds or 0.0)
        self.boot["after it: all nodes Ready"].append(ready - ended)

    def _make(self, name: str, index: int) -> None:
        machines = self._bench.machines
        machines.create(
            MachineSpec(
                instance_id=name,
                hostname=name,
                private_ip=f"10.63.0.{10 + index}",
                mac=f"02:00:00:00:63:{index:02x}",
                network="by-hand",
                subnet_cidr=SUBNET,
                vpc_cidr=SUBNET,
                names={},
                ca_certificate=Authority(datetime.now(UTC)).certificate,
            )
        )
        container = machines.container(name)
        k3s = archive("k3s", self._bench.k3s.path.read_bytes(), 0o755)
        container.put_archive("/usr/local/bin", k3s)
        container.put_archive("/etc/cloud", archive("cloud-init.disabled", b""))

    def _last_lines(self, names: Sequence[str]) -> str:
        """The last lines of k3s on each machine."""
        lines = []
        for name in names:
            output = self._bench.machines.container(name).exec_run(["tail", "-n", "3", LOG]).output
            lines += [f"\n    {name} | {line}" for line in output.decode().splitlines()]
        return "".join(lines)
