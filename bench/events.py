"""Changes of a running cluster, each an ordinary `pulumi up`, and what a client sees of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import stack_cluster
from bench.environment import BenchEnvironment
from bench.figures import Event
from localcloud.workbench import api_client, environment, k3s_versions
from toolchain import k3s

ROLLED = 10
UP = ("up", "--yes", "--skip-preview")


class Events:
    """
    Changes the cluster that stands: one server with SQLite and its agents, at the defaults.

    The client has the stack's `kubeconfig`, as an operator has.
    """

    def __init__(self, bench: BenchEnvironment) -> None:
        self._bench, self._program = bench, bench.program
        self.not_measured: list[str] = []

    def replace_server(self, repeats: int) -> Event:
        """Another generation of its image: another instance, to which the data volume moves."""

        def change(number: int) -> None:
            stack_cluster.configure_servers(self._program, image={"generation": number + 1})

        return self._measured("the only server is replaced", repeats, change)

    def upgrade(self, repeats: int) -> list[Event]:
        """A later patch of k3s on all nodes; none where k3s is real, which has one version here."""
        agents = stack_cluster.read(self._program)["pools"][0]["count"]
        what = f"k3s upgraded, 1 server, {agents} agents"
        if self._bench.k3s.kind != k3s.THE_STANDIN:
            self.not_measured.append(f"{what}: a real k3s has one version here")
            return []

        def change(number: int) -> None:
            own, release = self._bench.k3s, stack_cluster.read(self._program)["k3s"]
            version = k3s_versions.later(own.version, number)
            sha256 = k3s_versions.serve_standin(
                self._bench.cloud_home, own.path, own.version, version
            )
            hashes = dict.fromkeys(release["sha256"], sha256)
            stack_cluster.configure(
                self._program, k3s={**release, "version": version, "sha256": hashes}
            )

        return [self._measured(what, repeats, change)]

    def roll_agents(self) -> Event:
        """Another generation of the image of ten agents, which are replaced one at a time."""
        stack_cluster.configure_agents(self._program, count=ROLLED)
        self._program.seconds(*UP)

        def change(number: int) -> None:
            stack_cluster.configure_agents(self._program, image={"generation": number + 1})

        return self._measured(f"{ROLLED} agents replaced, one at a time", 1, change)

    def _measured(self, what: str, repeats: int, change: Callable[[int], Any]) -> Event:
        seconds, seen = [], []
        for number in range(1, repeats + 1):
            change(number)
            with api_client.counting(self._kubeconfig()) as client:
                seconds.append(self._program.seconds(*UP))
            seen.append(client)
            self._bench.say(f"    {what}: {seconds[-1]:.1f} s, {client}")
        return Event(what=what, seconds=seconds, seen=seen)

    def _kubeconfig(self) -> Path:
        file = Path(self._program.environment["KUBECONFIG"])
        environment.write_private(
            file, self._program.answer("stack", "output", "kubeconfig", "--show-secrets")
        )
        return file
